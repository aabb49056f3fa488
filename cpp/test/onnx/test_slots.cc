// The slots of onnx_api.h: against a header of ONNX Runtime where there is one, and each by calling it.
#include <algorithm>
#include <catch2/catch.hpp>

#include "runtime.h"

#ifdef FS_ORT_HEADER
#include <onnxruntime_c_api.h>
#endif

namespace flowstate::tensor::ort::test {

#ifdef FS_ORT_HEADER
#pragma GCC diagnostic ignored "-Wignored-attributes"
namespace {

// Pointers for pointers, and numbers of the same size: what the two sides of a call must agree on.
template <typename A, typename B>
constexpr bool kSame = sizeof(A) == sizeof(B) && std::is_pointer_v<A> == std::is_pointer_v<B>;
template <typename A, typename B>
struct SameCall : std::false_type {};
template <typename R1, typename... A1, typename R2, typename... A2>
  requires(sizeof...(A1) == sizeof...(A2))
struct SameCall<R1 (*)(A1...), R2 (*)(A2...)> {
  static constexpr bool value = std::is_void_v<R1> == std::is_void_v<R2> && (kSame<A1, A2> && ...);
};
template <typename A, typename B>
struct SameFunction : SameCall<A, B> {};
template <typename R, typename... A, typename B>
struct SameFunction<R (*)(A...) noexcept, B> : SameCall<R (*)(A...), B> {};

// An older header lacks the later slots.
template <typename Api>
int checked_slots() {
  int count = 0;
#define FS_ORT_CHECK(slot, name, result, arguments)                                            \
  if constexpr (requires(Api api) { api.name; }) {                                             \
    static_assert(offsetof(Api, name) == slot * sizeof(void*), #name " is in another slot");   \
    static_assert(SameFunction<decltype(Api::name), decltype(Functions::name)>::value, #name); \
    ++count;                                                                                   \
  }
  FS_ORT_FUNCTIONS(FS_ORT_CHECK)
#undef FS_ORT_CHECK
  return count;
}

}  // namespace

TEST_CASE("the slots are those of the header") { CHECK(checked_slots<OrtApi>() >= 50); }
#endif

TEST_CASE("attach joins a library that is loaded, and no other") {
  CHECK(loaded().before == "FS_ERR_DEPENDENCY_MISSING");
  CHECK(runtime().version.rfind("1.", 0) == 0);
  CHECK(&attach(FS_ORT_LIBRARY, 0) == &runtime());
  CHECK(thrown([] { attach("/somewhere/else/libonnxruntime.so.1", 0); }) == "FS_ERR_ONNX");
  for (const char* version : {"1.23.9", "0.99.0", "2.0.0", "nonsense", ""}) {
    CHECK(thrown([&] { require_version(version); }) == "FS_ERR_DEPENDENCY_MISSING");
  }
  require_version("1.24.0");
  require_version("1.130.7");
}

TEST_CASE("every slot does what its name says") {
  const Functions& call = runtime().call;
  const auto code = [&](Status* status) {
    const int result = status == nullptr ? 0 : call.GetErrorCode(status);
    if (status != nullptr) call.ReleaseStatus(status);
    return result;
  };

  SECTION("statuses and the environment") {
    Status* const status = call.CreateStatus(2, "words");
    CHECK(call.GetErrorCode(status) == 2);
    CHECK(std::string(call.GetErrorMessage(status)) == "words");
    std::string message;
    CHECK(thrown([&] { runtime().check(status); }, &message) == "FS_ERR_ONNX");
    CHECK(message == "ONNX Runtime: words");
    CHECK(thrown([&] { runtime().check(call.CreateStatus(3, "")); }) == "FS_ERR_IO");
    CHECK(thrown([&] { runtime().check(call.CreateStatus(7, "")); }) == "FS_ERR_CORRUPT");
    Env* again = nullptr;
    CHECK(code(call.CreateEnv(3, "again", &again)) == 0);
    CHECK(again == runtime().env);
    const std::vector<std::string> providers = runtime().providers();
    CHECK(std::count(providers.begin(), providers.end(), "CPUExecutionProvider") == 1);
  }

  SECTION("memory and values") {
    MemoryInfo* memory = nullptr;
    CHECK(code(call.CreateMemoryInfo("Cuda", 0, 3, 0, &memory)) == 0);
    const char* name = nullptr;
    int id = 0;
    int kind = 0;
    CHECK(code(call.MemoryInfoGetName(memory, &name)) == 0);
    CHECK(code(call.MemoryInfoGetId(memory, &id)) == 0);
    call.MemoryInfoGetDeviceType(memory, &kind);
    CHECK((std::string(name) == "Cuda" && id == 3 && kind == 1));
    // An address that no memory is at: a value is a name for memory, and looks at none.
    void* const address = reinterpret_cast<void*>(std::uintptr_t{0x7f0000001000});
    const std::int64_t shape[] = {2, 3};
    Value* value = nullptr;
    CHECK(code(call.CreateTensorWithDataAsOrtValue(memory, address, 23, shape, 2, kFloat32, &value)) != 0);
    REQUIRE(code(call.CreateTensorWithDataAsOrtValue(memory, address, 24, shape, 2, kFloat32, &value)) == 0);
    void* data = nullptr;
    CHECK(code(call.GetTensorMutableData(value, &data)) == 0);
    CHECK(data == address);
    call.ReleaseValue(value);
    call.ReleaseMemoryInfo(memory);
  }

  SECTION("providers") {
    const EpDevice* const* devices = nullptr;
    std::size_t count = 0;
    REQUIRE(code(call.GetEpDevices(runtime().env, &devices, &count)) == 0);
    REQUIRE(count >= 1);
    CHECK(std::string(call.EpDevice_EpName(devices[0])).size() > 3);
    const auto is_cpu = [&](const EpDevice* each) {
      return std::string(call.EpDevice_EpName(each)) == "CPUExecutionProvider";
    };
    const EpDevice* const* const cpu = std::find_if(devices, devices + count, is_cpu);
    REQUIRE(cpu != devices + count);
    CHECK(call.HardwareDevice_Type(call.EpDevice_Device(*cpu)) == 0);
    SessionOptions* options = nullptr;
    REQUIRE(code(call.CreateSessionOptions(&options)) == 0);
    CHECK(code(call.SessionOptionsAppendExecutionProvider_V2(options, runtime().env, cpu, 1, nullptr, nullptr,
                                                             0)) == 0);
    call.ReleaseSessionOptions(options);
    CHECK(code(call.RegisterExecutionProviderLibrary(runtime().env, "none", "/no/such/library.so")) != 0);
  }

  SECTION("the CUDA provider's options, without its libraries") {
    CudaOptions* cuda = nullptr;
    REQUIRE(code(call.CreateCUDAProviderOptions(&cuda)) == 0);
    const char* const keys[] = {"device_id"};
    const char* const values[] = {"0"};
    const int with_text = code(call.UpdateCUDAProviderOptions(cuda, keys, values, 1));
    const int with_pointer =
        code(call.UpdateCUDAProviderOptionsWithValue(cuda, "user_compute_stream", &cuda));
    SessionOptions* options = nullptr;
    REQUIRE(code(call.CreateSessionOptions(&options)) == 0);
    const int appended = code(call.SessionOptionsAppendExecutionProvider_CUDA_V2(options, cuda));
    // A pointer is only kept. The other two ask the provider's libraries, and where these are not, say so.
    CHECK(with_pointer == 0);
    CHECK((with_text == 0 || with_text == 1));
    CHECK((appended == 0 || appended == 1 || appended == 11));
    call.ReleaseSessionOptions(options);
    call.ReleaseCUDAProviderOptions(cuda);
  }

  SECTION("sessions, bindings and runs") {
    const std::string model = scale_model();
    SessionOptions* options = nullptr;
    REQUIRE(code(call.CreateSessionOptions(&options)) == 0);
    CHECK(code(call.SetSessionGraphOptimizationLevel(options, 55)) != 0);
    CHECK(code(call.SetSessionGraphOptimizationLevel(options, 99)) == 0);
    CHECK(code(call.SetIntraOpNumThreads(options, 1)) == 0);
    Session* session = nullptr;
    CHECK(code(call.CreateSession(runtime().env, "/no/such/model.onnx", options, &session)) == 3);
    CHECK(code(call.CreateSessionFromArray(runtime().env, "\xff\xff\xff", 3, options, &session)) == 7);
    REQUIRE(code(call.CreateSessionFromArray(runtime().env, model.data(), model.size(), options, &session)) ==
            0);
    std::size_t inputs = 0;
    std::size_t outputs = 0;
    CHECK(code(call.SessionGetInputCount(session, &inputs)) == 0);
    CHECK(code(call.SessionGetOutputCount(session, &outputs)) == 0);
    CHECK((inputs == 1 && outputs == 1));
    Allocator* allocator = nullptr;
    REQUIRE(code(call.GetAllocatorWithDefaultOptions(&allocator)) == 0);
    char* name = nullptr;
    CHECK(code(call.SessionGetInputName(session, 0, allocator, &name)) == 0);
    CHECK(std::string(name) == "x");
    CHECK(code(call.AllocatorFree(allocator, name)) == 0);
    CHECK(code(call.SessionGetOutputName(session, 0, allocator, &name)) == 0);
    CHECK(std::string(name) == "y");
    CHECK(code(call.AllocatorFree(allocator, name)) == 0);
    for (const auto get : {call.SessionGetInputTypeInfo, call.SessionGetOutputTypeInfo}) {
      TypeInfo* info = nullptr;
      const TensorInfo* tensor = nullptr;
      int type = 0;
      std::size_t rank = 0;
      std::int64_t sizes[2] = {};
      const char* symbols[2] = {};
      REQUIRE(code(get(session, 0, &info)) == 0);
      CHECK(code(call.CastTypeInfoToTensorInfo(info, &tensor)) == 0);
      CHECK(code(call.GetTensorElementType(tensor, &type)) == 0);
      CHECK(code(call.GetDimensionsCount(tensor, &rank)) == 0);
      CHECK(code(call.GetDimensions(tensor, sizes, 2)) == 0);
      CHECK(code(call.GetSymbolicDimensions(tensor, symbols, 2)) == 0);
      CHECK((type == kFloat32 && rank == 2 && sizes[0] == -1 && sizes[1] == 4));
      CHECK((std::string(symbols[0]) == "batch" && std::string(symbols[1]).empty()));
      call.ReleaseTypeInfo(info);
    }
    for (const auto places : {call.SessionGetMemoryInfoForInputs, call.SessionGetMemoryInfoForOutputs}) {
      const MemoryInfo* memory = nullptr;
      const char* where = nullptr;
      CHECK(code(places(session, &memory, 1)) == 0);
      CHECK(code(call.MemoryInfoGetName(memory, &where)) == 0);
      CHECK(std::string(where) == "Cpu");
    }
    IoBinding* binding = nullptr;
    RunOptions* run = nullptr;
    REQUIRE(code(call.CreateIoBinding(session, &binding)) == 0);
    REQUIRE(code(call.CreateRunOptions(&run)) == 0);
    MemoryInfo* memory = nullptr;
    REQUIRE(code(call.CreateMemoryInfo("Cpu", 0, 0, 0, &memory)) == 0);
    float values[4] = {1, 2, 3, 4};
    float results[4] = {};
    const std::int64_t shape[] = {1, 4};
    Value* in = nullptr;
    Value* out = nullptr;
    REQUIRE(code(call.CreateTensorWithDataAsOrtValue(memory, values, 16, shape, 2, kFloat32, &in)) == 0);
    REQUIRE(code(call.CreateTensorWithDataAsOrtValue(memory, results, 16, shape, 2, kFloat32, &out)) == 0);
    CHECK(code(call.BindInput(binding, "x", in)) == 0);
    CHECK(code(call.BindOutput(binding, "y", out)) == 0);
    CHECK(code(call.RunWithBinding(session, run, binding)) == 0);
    CHECK((results[0] == 3.5F && results[3] == 12.5F));
    Value** bound_values = nullptr;
    std::size_t count = 0;
    REQUIRE(code(call.GetBoundOutputValues(binding, allocator, &bound_values, &count)) == 0);
    REQUIRE(count == 1);
    void* data = nullptr;
    CHECK(code(call.GetTensorMutableData(bound_values[0], &data)) == 0);
    CHECK(data == results);
    call.ReleaseValue(bound_values[0]);
    CHECK(code(call.AllocatorFree(allocator, bound_values)) == 0);
    CHECK(code(call.RunOptionsSetTerminate(run)) == 0);
    CHECK(code(call.RunWithBinding(session, run, binding)) != 0);
    call.ReleaseValue(in);
    call.ReleaseValue(out);
    call.ReleaseMemoryInfo(memory);
    call.ReleaseRunOptions(run);
    call.ReleaseIoBinding(binding);
    call.ReleaseSession(session);
    CHECK(code(call.SessionOptionsSetLoadCancellationFlag(options, true)) == 0);
    CHECK(code(call.CreateSessionFromArray(runtime().env, model.data(), model.size(), options, &session)) ==
          12);
    call.ReleaseSessionOptions(options);
  }
}

}  // namespace flowstate::tensor::ort::test
