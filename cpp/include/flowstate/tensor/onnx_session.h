// A model in ONNX Runtime, run over memory of ours: nothing is copied on the way in or out, or the run is refused.
//
// Thread-safe: runs may overlap, each has its own binding. The caller keeps the memory, and what is queued on it is
// done before run() is called; run() returns when its outputs are written.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "flowstate/tensor/onnx_api.h"
#include "flowstate/tensor/onnx_providers.h"

namespace flowstate::tensor::ort {

// An input or output of a model.
struct ModelValue {
  std::string name;
  int type = 0;                      // ElementType; 0: no tensor
  std::vector<std::int64_t> shape;   // -1 where open
  std::vector<std::string> symbols;  // its name where it has one
  // Where ONNX Runtime reads or writes it: "Cpu", "Cuda" …
  std::string memory;
  bool on_gpu = false;
  int gpu = 0;
};

// Memory for one input or output.
struct Bound {
  std::size_t index = 0;  // in inputs() or outputs()
  void* data = nullptr;
  std::size_t bytes = 0;
  std::vector<std::int64_t> shape;
  int type = 0;
  // -1: the CPU's; else an ordinal.
  int gpu = -1;
  // Given by the caller as CPU data, which ONNX Runtime may bring to the provider; else it is used where it lies.
  bool may_copy = false;
};

struct Model {
  std::string path;  // or the bytes:
  const void* data = nullptr;
  std::size_t bytes = 0;
};

struct SessionSettings {
  std::vector<Provider> providers;
  int intra_op_threads = 0;  // 0: ONNX Runtime's choice
  int optimization = 99;     // GraphOptimizationLevel
  CudaTarget cuda;
};

// Settings that a load may be stopped by, from any thread.
class SessionLoad {
 public:
  explicit SessionLoad(const Runtime& runtime);
  void cancel() noexcept;
  SessionOptions* options() const noexcept { return options_.get(); }

 private:
  const Runtime& runtime_;
  Owned<SessionOptions> options_;
};

// A run that may be stopped, from any thread; also before it began.
class RunControl {
 public:
  explicit RunControl(const Runtime& runtime);
  void cancel() noexcept;
  const RunOptions* options() const noexcept { return options_.get(); }

 private:
  const Runtime& runtime_;
  Owned<RunOptions> options_;
};

struct SessionCounts {
  std::uint64_t runs = 0;  // that ended well
  int running = 0;         // inside ONNX Runtime now
  int peak_running = 0;
};

// Where ONNX Runtime says the values of a run lay, in the order given.
struct Addresses {
  std::vector<const void*> inputs;
  std::vector<const void*> outputs;
};

class OnnxSession {
 public:
  // Throws what Runtime::check does, and append_provider.
  OnnxSession(const Runtime& runtime, const Model& model, const SessionSettings& settings,
              const SessionLoad& load);

  const std::vector<ModelValue>& inputs() const noexcept { return inputs_; }
  const std::vector<ModelValue>& outputs() const noexcept { return outputs_; }
  const Runtime& runtime() const noexcept { return runtime_; }
  SessionCounts counts() const noexcept;

  // Every input once, and any outputs. Addresses are the bound ones, or it throws. Throws WOULD_COPY where ONNX Runtime reads or writes a value in other memory than
  // the bound one, ARG_RANGE where bytes and shape differ, ONNX and ABORTED.
  Addresses run(std::span<const Bound> inputs, std::span<const Bound> outputs, const RunControl& control);

 private:
  Owned<Value> wrap(const Bound& bound, const ModelValue& value, const char* role) const;
  const void* address_of(Value* value) const;

  const Runtime& runtime_;
  Owned<Session> session_;
  std::vector<ModelValue> inputs_;
  std::vector<ModelValue> outputs_;
  std::atomic<std::uint64_t> runs_{0};
  std::atomic<int> running_{0};
  std::atomic<int> peak_running_{0};
};

}  // namespace flowstate::tensor::ort
