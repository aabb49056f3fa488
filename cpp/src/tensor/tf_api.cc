#include "flowstate/tensor/tf_api.h"

#include <array>

#include "flowstate/error.h"

#if !defined(_WIN32)
#include <dlfcn.h>
#endif

namespace flowstate::tensor {

#if defined(_WIN32)

TfApi resolve_tensorflow() {
  throw Error(ErrorCode::DEPENDENCY_MISSING, "tensors are shared with TensorFlow on Linux and macOS only");
}

#else

namespace {

// In this order: what tfjs-node's own download, and a Python wheel, call the library with the C API of kernels. A
// symbol is also looked for in what the library itself depends on.
constexpr std::array<const char*, 5> kLibraries = {"libtensorflow.so.2", "libtensorflow_framework.so.2",
                                                   "libtensorflow_cc.so.2", "libtensorflow.2.dylib",
                                                   "libtensorflow_framework.2.dylib"};

std::string path_of(void* symbol, const char* fallback) {
  Dl_info info;
  return dladdr(symbol, &info) != 0 && info.dli_fname != nullptr ? info.dli_fname : fallback;
}

}  // namespace

TfApi resolve_tensorflow() {
  void* library = nullptr;
  const char* name = nullptr;
  for (const char* const candidate : kLibraries) {
    // Never loads: a TensorFlow that tfjs does not use would know nothing of its tensors. The reference is kept, since
    // what is registered there must not be forgotten.
    library = dlopen(candidate, RTLD_LAZY | RTLD_NOLOAD);
    name = candidate;
    if (library != nullptr) break;
  }
  if (library == nullptr) {
    throw Error(ErrorCode::DEPENDENCY_MISSING,
                "no TensorFlow is loaded in this process; @tensorflow/tfjs-node (or -gpu) loads one");
  }
  TfApi api;
  const auto find = [&](const char* symbol) {
    void* const found = dlsym(library, symbol);
    if (found == nullptr) {
      throw Error(ErrorCode::DEPENDENCY_MISSING, std::string("the TensorFlow that is loaded (") + name +
                                                     ") has no function " + symbol +
                                                     "; 2.4 and later have it");
    }
    return found;
  };
#define FS_TF_RESOLVE(member, symbol, result, parameters) \
  api.member = reinterpret_cast<result(*) parameters>(find(#symbol));
  FS_TF_FUNCTIONS(FS_TF_RESOLVE)
#undef FS_TF_RESOLVE
  api.path = path_of(reinterpret_cast<void*>(api.register_kernel), name);
  return api;
}

#endif

}  // namespace flowstate::tensor
