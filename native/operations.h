// The operations that this library adds to TensorFlow.
#pragma once

#include <string>

namespace gru_lm {

/// Registers every operation, once a process; returns what went wrong, or nothing.
std::string RegisterOperations();

}  // namespace gru_lm
