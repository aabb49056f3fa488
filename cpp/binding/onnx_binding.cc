// onnxAttach … onnxClose: sessions of ONNX Runtime over device memory. Loading and running happen on the addon's threads.
//
// What a run reads and writes is held by its task until it is done, released or not, and so is the session, closed or
// not.
#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "binding/addon_data.h"
#include "binding/device_session.h"
#include "binding/external.h"
#include "binding/guard.h"
#include "binding/marshal.h"
#include "flowstate/tensor/onnx_session.h"

namespace flowstate::binding {

namespace {

namespace ort = tensor::ort;
using device::Event;

struct OnnxHandle {
  std::shared_ptr<DeviceSession> device;
  // The session's own, on cuda; runs are given to it from the addon's threads, and the device's compute stream belongs
  // to the JavaScript thread.
  std::shared_ptr<device::Stream> stream;
  std::shared_ptr<ort::OnnxSession> session;  // ends before its stream; null once closed
};

std::shared_ptr<OnnxHandle> handle_of(const Napi::Value& value) {
  std::shared_ptr<OnnxHandle> handle = shared_of<OnnxHandle>(value, "an ONNX session");
  if (!handle->session) throw Error(ErrorCode::CLOSED, "the ONNX session was closed");
  return handle;
}

// -1 for the host; n for "cuda:n".
int ordinal_of(const device::Device& device) {
  if (device.kind() == device::DeviceKind::kHost) return -1;
  return std::atoi(device.id().c_str() + device.id().find(':') + 1);
}

// onnxAttach(library, logLevel): { version, path, providers }
Napi::Value onnx_attach(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    if (info.Length() < 2 || !info[0].IsString() || !info[1].IsNumber()) {
      throw Error(ErrorCode::ARG_TYPE, "native onnx: expected a library and a log level");
    }
    const ort::Runtime& runtime =
        ort::attach(info[0].As<Napi::String>().Utf8Value(), info[1].As<Napi::Number>().Int32Value());
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("version", runtime.version);
    result.Set("path", runtime.path);
    Napi::Array providers = Napi::Array::New(info.Env());
    for (const std::string& name : runtime.providers()) providers.Set(providers.Length(), name);
    result.Set("providers", providers);
    return result;
  });
}

ort::Provider provider_of(const Napi::Object& object) {
  ort::Provider provider;
  provider.kind =
      get_string(object, "name") == "cuda" ? ort::Provider::Kind::kCuda : ort::Provider::Kind::kCpu;
  provider.library = get_string(object, "library");
  const Napi::Array options = get_array(object, "options");
  for (std::uint32_t i = 0; i < options.Length(); ++i) {
    const Napi::Object pair = options.Get(i).As<Napi::Object>();
    provider.options.emplace_back(get_string(pair, "key"), get_string(pair, "value"));
  }
  return provider;
}

class OpenTask final : public Task {
 public:
  OpenTask(Napi::Env env, Napi::Object request, const ort::Runtime& runtime,
           std::shared_ptr<DeviceSession> device)
      : Task(env, request), runtime_(runtime), load_(runtime), handle_(std::make_shared<OnnxHandle>()) {
    handle_->device = std::move(device);
    const Napi::Value model = get(request, "model");
    if (model.IsString()) {
      model_.path = model.As<Napi::String>().Utf8Value();
    } else {
      const Bytes bytes = bytes_of(model, "the model");
      model_.data = bytes.data;
      model_.bytes = bytes.size;
    }
    const Napi::Array providers = get_array(request, "providers");
    for (std::uint32_t i = 0; i < providers.Length(); ++i) {
      settings_.providers.push_back(provider_of(providers.Get(i).As<Napi::Object>()));
    }
    settings_.intra_op_threads = static_cast<int>(get_int(request, "intraOpThreads"));
    settings_.optimization = static_cast<int>(get_int(request, "optimization"));
    if (const int ordinal = ordinal_of(*handle_->device->device); ordinal >= 0) {
      handle_->stream = handle_->device->device->create_stream();
      settings_.cuda = {ordinal, handle_->stream->native_handle()};
    }
  }

  void work() override {
    handle_->session = std::make_shared<ort::OnnxSession>(runtime_, model_, settings_, load_);
  }
  Napi::Value result(Napi::Env env) override { return to_external(env, std::move(handle_)); }
  void cancel() noexcept override { load_.cancel(); }

 private:
  const ort::Runtime& runtime_;
  ort::SessionLoad load_;
  std::shared_ptr<OnnxHandle> handle_;
  ort::Model model_;
  ort::SessionSettings settings_;
};

// onnxOpen(device, { library, logLevel, model, providers, intraOpThreads, optimization }): task of session
Napi::Value onnx_open(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    std::shared_ptr<DeviceSession> device = shared_of<DeviceSession>(info[0], "a device");
    device->require_open();
    if (!info[1].IsObject()) throw Error(ErrorCode::ARG_TYPE, "native onnx: expected a request");
    const Napi::Object request = info[1].As<Napi::Object>();
    const ort::Runtime& runtime =
        ort::attach(get_string(request, "library"), static_cast<int>(get_int(request, "logLevel")));
    return data_of(info.Env())
        .runner.start(info.Env(),
                      std::make_unique<OpenTask>(info.Env(), request, runtime, std::move(device)));
  });
}

Napi::Array values_to_js(Napi::Env env, const std::vector<ort::ModelValue>& values) {
  Napi::Array list = Napi::Array::New(env);
  for (const ort::ModelValue& value : values) {
    Napi::Array shape = Napi::Array::New(env);
    for (std::size_t axis = 0; axis < value.shape.size(); ++axis) {
      if (value.shape[axis] >= 0) {
        shape.Set(shape.Length(), static_cast<double>(value.shape[axis]));
      } else if (!value.symbols[axis].empty()) {
        shape.Set(shape.Length(), value.symbols[axis]);
      } else {
        shape.Set(shape.Length(), env.Null());
      }
    }
    Napi::Object object = Napi::Object::New(env);
    object.Set("name", value.name);
    object.Set("type", value.type);
    object.Set("shape", shape);
    object.Set("memory", value.memory);
    list.Set(list.Length(), object);
  }
  return list;
}

// onnxInfo(session): { inputs, outputs }
Napi::Value onnx_info(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const auto handle = handle_of(info[0]);
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("inputs", values_to_js(info.Env(), handle->session->inputs()));
    result.Set("outputs", values_to_js(info.Env(), handle->session->outputs()));
    return result;
  });
}

// onnxCounts(session): { runs, running, peakRunning }
Napi::Value onnx_counts(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const ort::SessionCounts counts = handle_of(info[0])->session->counts();
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("runs", static_cast<double>(counts.runs));
    result.Set("running", counts.running);
    result.Set("peakRunning", counts.peak_running);
    return result;
  });
}

bool overlap(const ort::Bound& a, const ort::Bound& b) {
  const auto* const start_a = static_cast<const std::byte*>(a.data);
  const auto* const start_b = static_cast<const std::byte*>(b.data);
  return a.bytes > 0 && b.bytes > 0 && start_a < start_b + b.bytes && start_b < start_a + a.bytes;
}

Napi::Array to_js_list(Napi::Env env, const std::vector<const void*>& addresses) {
  Napi::Array list = Napi::Array::New(env);
  for (const void* const address : addresses) {
    const auto number = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(address));
    list.Set(list.Length(), Napi::BigInt::New(env, number));
  }
  return list;
}

class RunTask final : public Task {
 public:
  RunTask(Napi::Env env, Napi::Object request, std::shared_ptr<OnnxHandle> handle)
      : Task(env, request),
        handle_(std::move(handle)),
        session_(handle_->session),
        control_(session_->runtime()) {
    std::vector<std::pair<std::shared_ptr<DeviceMemory>, bool>> memories;
    read(get_array(request, "inputs"), false, inputs_, memories);
    read(get_array(request, "outputs"), true, outputs_, memories);
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
      for (std::size_t k = 0; k < inputs_.size() + i; ++k) {
        const ort::Bound& other = k < inputs_.size() ? inputs_[k] : outputs_[k - inputs_.size()];
        if (overlap(outputs_[i], other)) {
          throw Error(ErrorCode::ARG_RANGE,
                      "an output's memory overlaps that of an input, or of another output");
        }
      }
    }
    // Everything is checked; nothing throws from here on but for memory.
    uses_.reserve(memories.size());
    for (auto& [memory, writes] : memories) uses_.emplace_back(std::move(memory), writes);
  }

  void work() override {
    for (const auto& event : after_) event->synchronize();
    seen_ = session_->run(inputs_, outputs_, control_);
  }
  Napi::Value result(Napi::Env env) override {
    Napi::Object result = Napi::Object::New(env);
    result.Set("inputs", to_js_list(env, seen_.inputs));
    result.Set("outputs", to_js_list(env, seen_.outputs));
    return result;
  }
  void cancel() noexcept override { control_.cancel(); }

 private:
  void read(const Napi::Array& list, bool writes, std::vector<ort::Bound>& into,
            std::vector<std::pair<std::shared_ptr<DeviceMemory>, bool>>& memories) {
    for (std::uint32_t i = 0; i < list.Length(); ++i) {
      const Napi::Object object = list.Get(i).As<Napi::Object>();
      ort::Bound bound;
      bound.index = static_cast<std::size_t>(get_int(object, "index"));
      bound.type = static_cast<int>(get_int(object, "type"));
      const Napi::Array shape = get_array(object, "shape");
      for (std::uint32_t axis = 0; axis < shape.Length(); ++axis) {
        bound.shape.push_back(shape.Get(axis).As<Napi::Number>().Int64Value());
      }
      if (const Napi::Value host = get(object, "host"); !is_nullish(host)) {
        const Bytes bytes = bytes_of(host, "a tensor's data");
        bound.data = const_cast<std::uint8_t*>(bytes.data);
        bound.bytes = bytes.size;
        bound.may_copy = true;
      } else {
        std::shared_ptr<DeviceMemory> memory =
            shared_of<DeviceMemory>(get(object, "memory"), "device memory");
        memory->require_live();
        if (memory->session != handle_->device) {
          throw Error(ErrorCode::ARG_RANGE, "native onnx: the memory is of another device than the session");
        }
        if (writes ? memory->uses > 0 : memory->writers > 0) {
          throw Error(ErrorCode::BUSY, std::string("a copy or run that uses the memory of an ") +
                                           (writes ? "output" : "input") +
                                           " is under way; wait for it first");
        }
        bound.bytes = static_cast<std::size_t>(get_int(object, "bytes"));
        bound.data = memory->at(static_cast<std::size_t>(get_int(object, "offset")), bound.bytes);
        bound.gpu = ordinal_of(*handle_->device->device);
        if (memory->ready && std::find(after_.begin(), after_.end(), memory->ready) == after_.end()) {
          after_.push_back(memory->ready);
        }
        memories.emplace_back(std::move(memory), writes);
      }
      into.push_back(std::move(bound));
    }
  }

  std::shared_ptr<OnnxHandle> handle_;
  std::shared_ptr<ort::OnnxSession> session_;
  ort::RunControl control_;
  std::vector<ort::Bound> inputs_;
  std::vector<ort::Bound> outputs_;
  ort::Addresses seen_;
  std::vector<std::shared_ptr<Event>> after_;
  std::vector<MemoryUse> uses_;
};

// onnxRun(session, { inputs, outputs }): task of { inputs, outputs }, the addresses
Napi::Value onnx_run(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const auto handle = handle_of(info[0]);
    handle->device->require_open();
    if (!info[1].IsObject()) throw Error(ErrorCode::ARG_TYPE, "native onnx: expected a request");
    return data_of(info.Env())
        .runner.start(info.Env(), std::make_unique<RunTask>(info.Env(), info[1].As<Napi::Object>(), handle));
  });
}

// onnxClose(session): void, idempotent
Napi::Value onnx_close(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    shared_of<OnnxHandle>(info[0], "an ONNX session")->session.reset();
    return info.Env().Undefined();
  });
}

}  // namespace

void register_onnx(Napi::Env env, Napi::Object exports) {
  const auto set = [&](const char* name, Napi::Value (*function)(const Napi::CallbackInfo&)) {
    exports.Set(name, Napi::Function::New(env, function, name));
  };
  set("onnxAttach", onnx_attach);
  set("onnxOpen", onnx_open);
  set("onnxInfo", onnx_info);
  set("onnxCounts", onnx_counts);
  set("onnxRun", onnx_run);
  set("onnxClose", onnx_close);
}

}  // namespace flowstate::binding
