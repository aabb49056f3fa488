// ONNX Runtime's C API, by slot. The API is one table of function pointers that only ever grows at its end, so a
// function is a number and a signature; both are written out here, and nothing of ONNX Runtime is needed to build.
// cpp/test/onnx/test_slots.cc holds the numbers to a header where there is one, and calls every slot.
//
// The library is never loaded by us: attach() joins the one that the package onnxruntime-node has loaded, so that both
// share one instance and a session costs no second copy of 40 MB.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace flowstate::tensor::ort {

// Opaque in the C API.
struct Status;
struct Env;
struct Session;
struct SessionOptions;
struct RunOptions;
struct Value;
struct MemoryInfo;
struct TypeInfo;
struct TensorInfo;  // OrtTensorTypeAndShapeInfo
struct IoBinding;
struct Allocator;
struct CudaOptions;  // OrtCUDAProviderOptionsV2
struct EpDevice;
struct HardwareDevice;

// Since 1.24 every function below exists; the table is the same whichever version is asked for.
inline constexpr int kLeastMinor = 24;

// slot, name, result, arguments. Enums travel as int, which they are in the C ABI.
#define FS_ORT_FUNCTIONS(X)                                                                               \
  X(0, CreateStatus, Status*, (int code, const char* message))                                            \
  X(1, GetErrorCode, int, (const Status*))                                                                \
  X(2, GetErrorMessage, const char*, (const Status*))                                                     \
  X(3, CreateEnv, Status*, (int log_level, const char* log_id, Env**))                                    \
  X(7, CreateSession, Status*, (const Env*, const char* path, const SessionOptions*, Session**))          \
  X(8, CreateSessionFromArray, Status*,                                                                   \
    (const Env*, const void* model, std::size_t bytes, const SessionOptions*, Session**))                 \
  X(10, CreateSessionOptions, Status*, (SessionOptions**))                                                \
  X(23, SetSessionGraphOptimizationLevel, Status*, (SessionOptions*, int))                                \
  X(24, SetIntraOpNumThreads, Status*, (SessionOptions*, int))                                            \
  X(30, SessionGetInputCount, Status*, (const Session*, std::size_t*))                                    \
  X(31, SessionGetOutputCount, Status*, (const Session*, std::size_t*))                                   \
  X(33, SessionGetInputTypeInfo, Status*, (const Session*, std::size_t, TypeInfo**))                      \
  X(34, SessionGetOutputTypeInfo, Status*, (const Session*, std::size_t, TypeInfo**))                     \
  X(36, SessionGetInputName, Status*, (const Session*, std::size_t, Allocator*, char**))                  \
  X(37, SessionGetOutputName, Status*, (const Session*, std::size_t, Allocator*, char**))                 \
  X(39, CreateRunOptions, Status*, (RunOptions**))                                                        \
  X(46, RunOptionsSetTerminate, Status*, (RunOptions*))                                                   \
  X(49, CreateTensorWithDataAsOrtValue, Status*,                                                          \
    (const MemoryInfo*, void* data, std::size_t bytes, const std::int64_t* shape, std::size_t rank,       \
     int type, Value**))                                                                                  \
  X(51, GetTensorMutableData, Status*, (Value*, void**))                                                  \
  X(55, CastTypeInfoToTensorInfo, Status*, (const TypeInfo*, const TensorInfo**))                         \
  X(60, GetTensorElementType, Status*, (const TensorInfo*, int*))                                         \
  X(61, GetDimensionsCount, Status*, (const TensorInfo*, std::size_t*))                                   \
  X(62, GetDimensions, Status*, (const TensorInfo*, std::int64_t*, std::size_t))                          \
  X(63, GetSymbolicDimensions, Status*, (const TensorInfo*, const char**, std::size_t))                   \
  X(68, CreateMemoryInfo, Status*, (const char* name, int allocator, int id, int mem_type, MemoryInfo**)) \
  X(71, MemoryInfoGetName, Status*, (const MemoryInfo*, const char**))                                    \
  X(72, MemoryInfoGetId, Status*, (const MemoryInfo*, int*))                                              \
  X(76, AllocatorFree, Status*, (Allocator*, void*))                                                      \
  X(78, GetAllocatorWithDefaultOptions, Status*, (Allocator**))                                           \
  X(93, ReleaseStatus, void, (Status*))                                                                   \
  X(94, ReleaseMemoryInfo, void, (MemoryInfo*))                                                           \
  X(95, ReleaseSession, void, (Session*))                                                                 \
  X(96, ReleaseValue, void, (Value*))                                                                     \
  X(97, ReleaseRunOptions, void, (RunOptions*))                                                           \
  X(98, ReleaseTypeInfo, void, (TypeInfo*))                                                               \
  X(100, ReleaseSessionOptions, void, (SessionOptions*))                                                  \
  X(125, GetAvailableProviders, Status*, (char***, int*))                                                 \
  X(126, ReleaseAvailableProviders, Status*, (char**, int))                                               \
  X(133, RunWithBinding, Status*, (Session*, const RunOptions*, const IoBinding*))                        \
  X(134, CreateIoBinding, Status*, (Session*, IoBinding**))                                               \
  X(135, ReleaseIoBinding, void, (IoBinding*))                                                            \
  X(136, BindInput, Status*, (IoBinding*, const char* name, const Value*))                                \
  X(137, BindOutput, Status*, (IoBinding*, const char* name, const Value*))                               \
  X(140, GetBoundOutputValues, Status*, (const IoBinding*, Allocator*, Value***, std::size_t*))           \
  X(204, SessionOptionsAppendExecutionProvider_CUDA_V2, Status*, (SessionOptions*, const CudaOptions*))   \
  X(205, CreateCUDAProviderOptions, Status*, (CudaOptions**))                                             \
  X(206, UpdateCUDAProviderOptions, Status*,                                                              \
    (CudaOptions*, const char* const* keys, const char* const* values, std::size_t))                      \
  X(208, ReleaseCUDAProviderOptions, void, (CudaOptions*))                                                \
  X(225, MemoryInfoGetDeviceType, void, (const MemoryInfo*, int*))                                        \
  X(263, UpdateCUDAProviderOptionsWithValue, Status*, (CudaOptions*, const char* key, void* value))       \
  X(293, SessionOptionsSetLoadCancellationFlag, Status*, (SessionOptions*, bool))                         \
  X(301, RegisterExecutionProviderLibrary, Status*, (Env*, const char* name, const char* path))           \
  X(303, GetEpDevices, Status*, (const Env*, const EpDevice* const**, std::size_t*))                      \
  X(304, SessionOptionsAppendExecutionProvider_V2, Status*,                                               \
    (SessionOptions*, Env*, const EpDevice* const* devices, std::size_t, const char* const* keys,         \
     const char* const* values, std::size_t))                                                             \
  X(307, HardwareDevice_Type, int, (const HardwareDevice*))                                               \
  X(312, EpDevice_EpName, const char*, (const EpDevice*))                                                 \
  X(316, EpDevice_Device, const HardwareDevice*, (const EpDevice*))                                       \
  X(380, SessionGetMemoryInfoForInputs, Status*, (const Session*, const MemoryInfo**, std::size_t))       \
  X(381, SessionGetMemoryInfoForOutputs, Status*, (const Session*, const MemoryInfo**, std::size_t))

// ONNXTensorElementDataType.
enum ElementType : int {
  kFloat32 = 1,
  kUint8 = 2,
  kInt8 = 3,
  kUint16 = 4,
  kInt16 = 5,
  kInt32 = 6,
  kInt64 = 7,
  kString = 8,
  kBool = 9,
  kFloat16 = 10,
  kFloat64 = 11,
  kUint32 = 12,
  kUint64 = 13,
  kBfloat16 = 16,
};
// Bytes of an element; 0 for what is no plain number.
std::size_t element_bytes(int type) noexcept;

struct Functions {
#define FS_ORT_MEMBER(slot, name, result, arguments) result(*name) arguments = nullptr;
  FS_ORT_FUNCTIONS(FS_ORT_MEMBER)
#undef FS_ORT_MEMBER
};

// The library of this process, and its environment. Stays for the life of the process, as ONNX Runtime's own threads
// and statics do. Thread-safe.
struct Runtime {
  Functions call;
  std::string version;  // "1.30.0"
  std::string path;     // of the library's file
  Env* env = nullptr;

  // Throws Error for a status that is not null, and releases it: ONNX with ONNX Runtime's own message, IO for a model
  // that is not there, CORRUPT for bytes that are no model, ABORTED for a load that was stopped.
  void check(Status* status) const;
  // Names of the providers that were built in, CPUExecutionProvider among them.
  std::vector<std::string> providers() const;
};

// Joins the library that the package onnxruntime-node has loaded; `library` is the package's file. The same object for
// every call. `log_level`, 0 verbose to 4 fatal, counts where nobody has made the environment yet. Throws
// DEPENDENCY_MISSING where it is not loaded or too old, ONNX where another copy of the library is loaded.
const Runtime& attach(const std::string& library, int log_level);

// Throws DEPENDENCY_MISSING unless 1.x with x >= kLeastMinor.
void require_version(const std::string& version);

// A handle with the function that releases it.
template <typename T>
using Owned = std::unique_ptr<T, void (*)(T*)>;

// What `create(T**)` made.
template <typename T, typename Create>
Owned<T> make(const Runtime& runtime, void (*release)(T*), Create&& create) {
  T* made = nullptr;
  runtime.check(create(&made));
  return Owned<T>(made, release);
}

}  // namespace flowstate::tensor::ort
