// Execution providers of a session. The CUDA provider comes in two forms under one file name: the legacy one, which
// only libonnxruntime itself may load, and the plugin, which exports CreateEpFactories and is registered.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "flowstate/tensor/onnx_api.h"

namespace flowstate::tensor::ort {

struct Provider {
  enum class Kind { kCpu, kCuda };
  Kind kind = Kind::kCpu;
  std::vector<std::pair<std::string, std::string>> options;
  // The CUDA provider's library; empty: the one beside libonnxruntime.
  std::string library;
};

struct CudaTarget {
  int ordinal = 0;
  // A cudaStream_t that is not null, for the legacy form: ONNX Runtime takes null for "none given".
  void* stream = nullptr;
};

enum class CudaForm { kLegacy, kPlugin };

// Which form a provider's library is. Read from the file: opened before libonnxruntime opens it, the legacy form would
// keep a null pointer to its host for ever. Throws DEPENDENCY_MISSING where there is no such library.
CudaForm cuda_form(const std::string& library);

// Whether a 64-bit ELF file defines a dynamic symbol. False for every other file.
bool exports_symbol(const std::string& path, const std::string& symbol);

// Appends a provider, in the order of preference. The CPU provider is ONNX Runtime's own last resort and needs nothing.
// Throws DEPENDENCY_MISSING where the provider's library, or one that it needs, is not there; ONNX otherwise.
void append_provider(const Runtime& runtime, SessionOptions* options, const Provider& provider,
                     const CudaTarget& cuda);

}  // namespace flowstate::tensor::ort
