#include "flowstate/tensor/onnx_api.h"

#include <dlfcn.h>

#include <climits>
#include <cstdlib>
#include <mutex>

#include "flowstate/error.h"

namespace flowstate::tensor::ort {
namespace {

// OrtApiBase.
struct ApiBase {
  const void* (*get_api)(std::uint32_t version);
  const char* (*get_version_string)();
};

// OrtErrorCode.
constexpr int kNoSuchFile = 3;
constexpr int kInvalidProtobuf = 7;
constexpr int kModelLoadCanceled = 12;

ErrorCode code_of(int code) noexcept {
  switch (code) {
    case kNoSuchFile:
      return ErrorCode::IO;
    case kInvalidProtobuf:
      return ErrorCode::CORRUPT;
    case kModelLoadCanceled:
      return ErrorCode::ABORTED;
    default:
      return ErrorCode::ONNX;
  }
}

std::string real_path(const std::string& path) {
  char resolved[PATH_MAX];
  return realpath(path.c_str(), resolved) == nullptr ? path : std::string(resolved);
}

template <typename Function>
void take(const void* const* table, std::size_t slot, Function& target) {
  target = reinterpret_cast<Function>(const_cast<void*>(table[slot]));
}

std::unique_ptr<Runtime> open(const std::string& library, int log_level) {
  const std::string name = library.substr(library.find_last_of('/') + 1);
  // By its soname first: that is what the package's own addon asked the loader for. Never loads anything.
  void* handle = dlopen(name.c_str(), RTLD_LAZY | RTLD_NOLOAD);
  if (handle == nullptr) handle = dlopen(library.c_str(), RTLD_LAZY | RTLD_NOLOAD);
  if (handle == nullptr) {
    throw Error(ErrorCode::DEPENDENCY_MISSING,
                "ONNX Runtime is not loaded: onnxruntime-node must be, and from " + library);
  }
  auto* const get_base = reinterpret_cast<const ApiBase* (*)()>(dlsym(handle, "OrtGetApiBase"));
  Dl_info info{};
  if (get_base == nullptr || dladdr(reinterpret_cast<void*>(get_base), &info) == 0) {
    throw Error(ErrorCode::ONNX, name + " has no OrtGetApiBase");
  }
  auto runtime = std::make_unique<Runtime>();
  runtime->path = info.dli_fname;
  if (real_path(runtime->path) != real_path(library)) {
    // Two copies share a soname, and the loader gives whichever came first.
    throw Error(ErrorCode::ONNX, "another copy of ONNX Runtime was loaded first: expected " + library +
                                     ", found " + runtime->path);
  }
  const ApiBase& base = *get_base();
  runtime->version = base.get_version_string();
  require_version(runtime->version);
  const auto* const table = static_cast<const void* const*>(base.get_api(kLeastMinor));
  if (table == nullptr) {
    throw Error(ErrorCode::ONNX, "ONNX Runtime " + runtime->version + " refuses its C API of version " +
                                     std::to_string(kLeastMinor));
  }
#define FS_ORT_TAKE(slot, name, result, arguments) take(table, slot, runtime->call.name);
  FS_ORT_FUNCTIONS(FS_ORT_TAKE)
#undef FS_ORT_TAKE
  runtime->check(runtime->call.CreateEnv(log_level, "flowstate", &runtime->env));
  return runtime;
}

}  // namespace

std::size_t element_bytes(int type) noexcept {
  switch (type) {
    case kUint8:
    case kInt8:
    case kBool:
      return 1;
    case kUint16:
    case kInt16:
    case kFloat16:
    case kBfloat16:
      return 2;
    case kFloat32:
    case kInt32:
    case kUint32:
      return 4;
    case kInt64:
    case kFloat64:
    case kUint64:
      return 8;
    default:
      return 0;
  }
}

void Runtime::check(Status* status) const {
  if (status == nullptr) return;
  const int code = call.GetErrorCode(status);
  const std::string message = call.GetErrorMessage(status);
  call.ReleaseStatus(status);
  throw Error(code_of(code), "ONNX Runtime: " + message, {{"ortCode", code}});
}

std::vector<std::string> Runtime::providers() const {
  char** names = nullptr;
  int count = 0;
  check(call.GetAvailableProviders(&names, &count));
  std::vector<std::string> result(names, names + count);
  check(call.ReleaseAvailableProviders(names, count));
  return result;
}

void require_version(const std::string& version) {
  const std::size_t dot = version.find('.');
  const int major = std::atoi(version.c_str());
  const int minor = dot == std::string::npos ? 0 : std::atoi(version.c_str() + dot + 1);
  if (major != 1 || minor < kLeastMinor) {
    throw Error(ErrorCode::DEPENDENCY_MISSING, "expected ONNX Runtime 1." + std::to_string(kLeastMinor) +
                                                   " or a later 1.x, found " + version +
                                                   "; install another onnxruntime-node");
  }
}

const Runtime& attach(const std::string& library, int log_level) {
  // One per process, for all threads of JavaScript: so is the library, and so is its environment.
  static std::mutex mutex;
  static std::unique_ptr<Runtime>* const runtime = new std::unique_ptr<Runtime>();
  const std::lock_guard lock(mutex);
  if (!*runtime) *runtime = open(library, log_level);
  if (real_path((*runtime)->path) != real_path(library)) {
    throw Error(ErrorCode::ONNX, "another copy of ONNX Runtime was loaded first: expected " + library +
                                     ", found " + (*runtime)->path);
  }
  return **runtime;
}

}  // namespace flowstate::tensor::ort
