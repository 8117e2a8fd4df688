// Products of matrices held against plain loops.
#pragma once

#include "../numbers.h"

/// Runs products of many odd shapes; ends the process where a result is wrong.
void RequireProducts(gru_lm::Precision precision);
