#include "flowstate/tensor/onnx_session.h"

#include <algorithm>

#include "flowstate/error.h"

namespace flowstate::tensor::ort {
namespace {

constexpr int kDeviceAllocator = 0;
constexpr int kMemTypeDefault = 0;
// OrtMemoryInfoDeviceType.
constexpr int kMemoryOfGpu = 1;
// What an empty tensor points at: ONNX Runtime wants an address even for no bytes.
alignas(64) char nothing[64];

std::string place(bool on_gpu, int gpu) {
  return on_gpu ? "memory of CUDA device " + std::to_string(gpu) : "memory of the CPU";
}

Owned<Session> open(const Runtime& runtime, const Model& model, const SessionSettings& settings,
                    const SessionLoad& load) {
  SessionOptions* const options = load.options();
  runtime.check(runtime.call.SetSessionGraphOptimizationLevel(options, settings.optimization));
  runtime.check(runtime.call.SetIntraOpNumThreads(options, settings.intra_op_threads));
  for (const Provider& provider : settings.providers) {
    append_provider(runtime, options, provider, settings.cuda);
  }
  return make<Session>(runtime, runtime.call.ReleaseSession, [&](Session** out) {
    return model.path.empty()
               ? runtime.call.CreateSessionFromArray(runtime.env, model.data, model.bytes, options, out)
               : runtime.call.CreateSession(runtime.env, model.path.c_str(), options, out);
  });
}

void describe_type(const Runtime& runtime, const TypeInfo* type, ModelValue& value) {
  const TensorInfo* tensor = nullptr;
  runtime.check(runtime.call.CastTypeInfoToTensorInfo(type, &tensor));
  if (tensor == nullptr) return;  // a sequence, a map, an optional
  runtime.check(runtime.call.GetTensorElementType(tensor, &value.type));
  std::size_t rank = 0;
  runtime.check(runtime.call.GetDimensionsCount(tensor, &rank));
  value.shape.resize(rank);
  std::vector<const char*> symbols(rank);
  runtime.check(runtime.call.GetDimensions(tensor, value.shape.data(), rank));
  runtime.check(runtime.call.GetSymbolicDimensions(tensor, symbols.data(), rank));
  for (const char* symbol : symbols) value.symbols.emplace_back(symbol == nullptr ? "" : symbol);
}

void describe_memory(const Runtime& runtime, const MemoryInfo* memory, ModelValue& value) {
  if (memory == nullptr) return;
  const char* name = nullptr;
  int device = 0;
  runtime.check(runtime.call.MemoryInfoGetName(memory, &name));
  runtime.check(runtime.call.MemoryInfoGetId(memory, &value.gpu));
  runtime.call.MemoryInfoGetDeviceType(memory, &device);
  value.memory = name;
  // Pinned memory is the CPU's, whichever device it is reported for.
  value.on_gpu = device == kMemoryOfGpu && value.memory.find("Pinned") == std::string::npos;
}

using Count = Status* (*)(const Session*, std::size_t*);
using Name = Status* (*)(const Session*, std::size_t, Allocator*, char**);
using Type = Status* (*)(const Session*, std::size_t, TypeInfo**);
using Places = Status* (*)(const Session*, const MemoryInfo**, std::size_t);

std::vector<ModelValue> describe(const Runtime& runtime, const Session* session, Count count, Name name,
                                 Type type, Places places) {
  Allocator* allocator = nullptr;
  runtime.check(runtime.call.GetAllocatorWithDefaultOptions(&allocator));
  std::size_t size = 0;
  runtime.check(count(session, &size));
  std::vector<const MemoryInfo*> memories(size);
  if (size > 0) runtime.check(places(session, memories.data(), size));
  std::vector<ModelValue> values(size);
  for (std::size_t i = 0; i < size; ++i) {
    char* text = nullptr;
    runtime.check(name(session, i, allocator, &text));
    values[i].name = text;
    runtime.check(runtime.call.AllocatorFree(allocator, text));
    const auto info = make<TypeInfo>(runtime, runtime.call.ReleaseTypeInfo,
                                     [&](TypeInfo** out) { return type(session, i, out); });
    describe_type(runtime, info.get(), values[i]);
    describe_memory(runtime, memories[i], values[i]);
  }
  return values;
}

Owned<MemoryInfo> memory_info(const Runtime& runtime, int gpu) {
  return make<MemoryInfo>(runtime, runtime.call.ReleaseMemoryInfo, [&](MemoryInfo** out) {
    return runtime.call.CreateMemoryInfo(gpu < 0 ? "Cpu" : "Cuda", kDeviceAllocator, gpu < 0 ? 0 : gpu,
                                         kMemTypeDefault, out);
  });
}

const ModelValue& value_at(const std::vector<ModelValue>& values, std::size_t index) {
  if (index >= values.size()) throw Error(ErrorCode::ARG_RANGE, "native onnx: no such input or output");
  return values[index];
}

}  // namespace

SessionLoad::SessionLoad(const Runtime& runtime)
    : runtime_(runtime),
      options_(make<SessionOptions>(runtime, runtime.call.ReleaseSessionOptions,
                                    runtime.call.CreateSessionOptions)) {}

void SessionLoad::cancel() noexcept {
  if (Status* const status = runtime_.call.SessionOptionsSetLoadCancellationFlag(options_.get(), true)) {
    runtime_.call.ReleaseStatus(status);
  }
}

RunControl::RunControl(const Runtime& runtime)
    : runtime_(runtime),
      options_(make<RunOptions>(runtime, runtime.call.ReleaseRunOptions, runtime.call.CreateRunOptions)) {}

void RunControl::cancel() noexcept {
  if (Status* const status = runtime_.call.RunOptionsSetTerminate(options_.get())) {
    runtime_.call.ReleaseStatus(status);
  }
}

OnnxSession::OnnxSession(const Runtime& runtime, const Model& model, const SessionSettings& settings,
                         const SessionLoad& load)
    : runtime_(runtime), session_(open(runtime, model, settings, load)) {
  const Functions& call = runtime.call;
  inputs_ = describe(runtime, session_.get(), call.SessionGetInputCount, call.SessionGetInputName,
                     call.SessionGetInputTypeInfo, call.SessionGetMemoryInfoForInputs);
  outputs_ = describe(runtime, session_.get(), call.SessionGetOutputCount, call.SessionGetOutputName,
                      call.SessionGetOutputTypeInfo, call.SessionGetMemoryInfoForOutputs);
}

SessionCounts OnnxSession::counts() const noexcept {
  return {runs_.load(), running_.load(), peak_running_.load()};
}

Owned<Value> OnnxSession::wrap(const Bound& bound, const ModelValue& value, const char* role) const {
  const bool on_gpu = bound.gpu >= 0;
  if (!bound.may_copy && (on_gpu != value.on_gpu || (on_gpu && bound.gpu != value.gpu))) {
    // BindInput would copy it here and now, without a word; an output would be copied at the end.
    throw Error(ErrorCode::WOULD_COPY, std::string(role) + " '" + value.name +
                                           "' would be copied: the tensor lies in " +
                                           place(on_gpu, bound.gpu) + ", the model takes it in " +
                                           place(value.on_gpu, value.gpu) + " (" + value.memory + ")");
  }
  std::size_t elements = 1;
  for (const std::int64_t size : bound.shape) elements *= static_cast<std::size_t>(size);
  if (element_bytes(bound.type) == 0 || elements * element_bytes(bound.type) != bound.bytes) {
    throw Error(ErrorCode::ARG_RANGE,
                "native onnx: the bytes of '" + value.name + "' are not those of its shape");
  }
  const Owned<MemoryInfo> memory = memory_info(runtime_, bound.gpu);
  void* const data = bound.data == nullptr ? nothing : bound.data;
  Owned<Value> wrapped = make<Value>(runtime_, runtime_.call.ReleaseValue, [&](Value** out) {
    return runtime_.call.CreateTensorWithDataAsOrtValue(memory.get(), data, bound.bytes, bound.shape.data(),
                                                        bound.shape.size(), bound.type, out);
  });
  if (address_of(wrapped.get()) != data && bound.bytes > 0) {
    throw Error(ErrorCode::WOULD_COPY, "ONNX Runtime took '" + value.name + "' to another address");
  }
  return wrapped;
}

const void* OnnxSession::address_of(Value* value) const {
  void* data = nullptr;
  runtime_.check(runtime_.call.GetTensorMutableData(value, &data));
  return data;
}

Addresses OnnxSession::run(std::span<const Bound> inputs, std::span<const Bound> outputs,
                           const RunControl& control) {
  const Functions& call = runtime_.call;
  const auto binding = make<IoBinding>(runtime_, call.ReleaseIoBinding, [&](IoBinding** out) {
    return call.CreateIoBinding(session_.get(), out);
  });
  Addresses seen;
  std::vector<Owned<Value>> held;
  for (const Bound& bound : inputs) {
    const ModelValue& value = value_at(inputs_, bound.index);
    held.push_back(wrap(bound, value, "input"));
    seen.inputs.push_back(address_of(held.back().get()));
    runtime_.check(call.BindInput(binding.get(), value.name.c_str(), held.back().get()));
  }
  for (const Bound& bound : outputs) {
    const ModelValue& value = value_at(outputs_, bound.index);
    held.push_back(wrap(bound, value, "output"));
    runtime_.check(call.BindOutput(binding.get(), value.name.c_str(), held.back().get()));
  }
  {
    const int now = running_.fetch_add(1) + 1;
    int peak = peak_running_.load();
    while (peak < now && !peak_running_.compare_exchange_weak(peak, now)) {
    }
    Status* const status = call.RunWithBinding(session_.get(), control.options(), binding.get());
    running_.fetch_sub(1);
    runtime_.check(status);
  }
  // The results are where they were asked for, or the caller would read what nobody wrote.
  Allocator* allocator = nullptr;
  runtime_.check(call.GetAllocatorWithDefaultOptions(&allocator));
  Value** results = nullptr;
  std::size_t count = 0;
  if (!outputs.empty()) runtime_.check(call.GetBoundOutputValues(binding.get(), allocator, &results, &count));
  std::vector<Owned<Value>> written;
  for (std::size_t i = 0; i < count; ++i) written.emplace_back(results[i], call.ReleaseValue);
  if (results != nullptr) runtime_.check(call.AllocatorFree(allocator, results));
  bool in_place = count == outputs.size();
  for (std::size_t i = 0; in_place && i < count; ++i) {
    seen.outputs.push_back(address_of(written[i].get()));
    in_place = outputs[i].bytes == 0 || seen.outputs[i] == outputs[i].data;
  }
  if (!in_place)
    throw Error(ErrorCode::WOULD_COPY, "ONNX Runtime wrote an output elsewhere than it was bound");
  runs_.fetch_add(1);
  return seen;
}

}  // namespace flowstate::tensor::ort
