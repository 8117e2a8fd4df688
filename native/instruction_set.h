// What oneDNN finds in this processor, and may use of it.
#pragma once

#include <oneapi/dnnl/dnnl.hpp>

namespace gru_lm {

/// Whether all instructions of a set are there. `ONEDNN_MAX_CPU_ISA` takes some away.
inline bool HasInstructions(dnnl::cpu_isa wanted) {
  const auto set = static_cast<unsigned>(wanted);
  return (static_cast<unsigned>(dnnl::get_effective_cpu_isa()) & set) == set;
}

}  // namespace gru_lm
