// The addon as Node.js loads it: registers the operations with TensorFlow and says what the
// processor offers them.
#include <node_api.h>
#if __has_include(<malloc.h>)
#include <malloc.h>
#endif

#include <oneapi/dnnl/dnnl.hpp>
#include <string>

#include "instruction_set.h"
#include "operations.h"
#include "precision_rate.h"

namespace {

const char* NameOf(dnnl::cpu_isa isa) {
  switch (isa) {
    case dnnl::cpu_isa::sse41:
      return "sse41";
    case dnnl::cpu_isa::avx:
      return "avx";
    case dnnl::cpu_isa::avx2:
      return "avx2";
    case dnnl::cpu_isa::avx2_vnni:
      return "avx2_vnni";
    case dnnl::cpu_isa::avx2_vnni_2:
      return "avx2_vnni_2";
    case dnnl::cpu_isa::avx512_core:
      return "avx512_core";
    case dnnl::cpu_isa::avx512_core_vnni:
      return "avx512_core_vnni";
    case dnnl::cpu_isa::avx512_core_bf16:
      return "avx512_core_bf16";
    case dnnl::cpu_isa::avx512_core_fp16:
      return "avx512_core_fp16";
    case dnnl::cpu_isa::avx512_core_amx:
      return "avx512_core_amx";
    case dnnl::cpu_isa::avx512_core_amx_fp16:
      return "avx512_core_amx_fp16";
    default:
      return "generic";
  }
}

void SetText(napi_env env, napi_value object, const char* name, const std::string& text) {
  napi_value value;
  napi_create_string_utf8(env, text.c_str(), text.size(), &value);
  napi_set_named_property(env, object, name, value);
}

void SetFlag(napi_env env, napi_value object, const char* name, bool truth) {
  napi_value value;
  napi_get_boolean(env, truth, &value);
  napi_set_named_property(env, object, name, value);
}

/// Keeps what a training step frees for the next one. Returned to the system, it would come back as
/// pages of zeros, one fault each: up to a tenth of a step.
void KeepFreedMemory() {
#ifdef M_MMAP_THRESHOLD
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
#endif
}

napi_value Initialize(napi_env env, napi_value exports) {
  const std::string failure = gru_lm::RegisterOperations();
  if (!failure.empty()) {
    napi_throw_error(env, "GRU_LM_NATIVE", failure.c_str());
    return nullptr;
  }
  KeepFreedMemory();
  const auto* version = dnnl::version();
  SetText(env, exports, "oneDnnVersion",
          std::to_string(version->major) + "." + std::to_string(version->minor) + "." +
              std::to_string(version->patch));
  SetText(env, exports, "instructionSet", NameOf(dnnl::get_effective_cpu_isa()));
  SetFlag(env, exports, "fastBfloat16", gru_lm::MultipliesBfloat16Faster());
  return exports;
}

}  // namespace

NAPI_MODULE(gru_lm_operations, Initialize)
