// Two operations of ours inside the TensorFlow that the process has loaded:
//
//   <name>Host(handle: int32[2]) -> out: T    its output is host memory of ours; runs on the CPU only
//   <name>Gpu(handle: int32[2]) -> out: T     its output is GPU memory of ours; runs on a GPU only
//
// `handle` is [slot, generation] of the alias table. The output aliases the memory, whose owner is given back by the
// deallocator that TensorFlow calls with the tensor's last reference.
//
// Why so: TensorFlow keeps one kernel per set of attributes for ever, so the handle is an input. And its eager runtime
// places an operation where a kernel is: with both kernels under one name, host memory would be taken for a GPU's.
#pragma once

#include <string>

#include "flowstate/tensor/tf_api.h"

namespace flowstate::tensor {

struct AliasOps {
  std::string host_name;
  std::string gpu_name;
  // Of TensorFlow's library.
  std::string path;
};

// Registers the operations with `api`, which must be the same in every call: they are registered once per process, and
// this library is not unloaded from then on. Throws INTERNAL with TensorFlow's own message where it refuses.
const AliasOps& register_alias_ops(const TfApi& api);

// The same with the TensorFlow of the process. Throws DEPENDENCY_MISSING (resolve_tensorflow()).
const AliasOps& attach_tensorflow();

}  // namespace flowstate::tensor
