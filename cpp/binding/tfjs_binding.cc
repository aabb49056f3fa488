// tfAttach … tfStats: device memory as tensors of the TensorFlow that tfjs-node has loaded.
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "binding/addon_data.h"
#include "binding/device_session.h"
#include "binding/external.h"
#include "binding/guard.h"
#include "binding/marshal.h"
#include "flowstate/tensor/alias_table.h"
#include "flowstate/tensor/tf_alias.h"

namespace flowstate::binding {

namespace {

using device::DeviceKind;

// A tensor of TensorFlow's keeps the block until its deallocator ran, and on a GPU until the work that was given
// meanwhile, which may still read it, is done. No Node-API: it outlives environments.
class TensorHold final : public tensor::AliasOwner {
 public:
  explicit TensorHold(std::shared_ptr<DeviceMemory> memory) : memory_(std::move(memory)) { memory_->hold(); }
  ~TensorHold() override {
    try {
      if (is_holding_) memory_->session->device->wait_for_everybody();
    } catch (...) {
      // The device is lost, and nothing runs on it.
    }
    let_go();
    if (!is_last_) return;
    try {
      if (memory_->ready) memory_->ready->synchronize();
    } catch (...) {
      // Work that failed is over, too.
    }
    give_back();
  }
  bool try_return() noexcept override {
    if (memory_->session->device->kind() != DeviceKind::kHost) return false;
    let_go();
    if (is_last_) {
      try {
        if (memory_->ready && !memory_->ready->is_complete()) return false;
      } catch (...) {
        // Failed, hence over.
      }
      give_back();
    }
    // The last to know the device would end its threads here.
    return memory_.use_count() > 1;
  }

 private:
  void let_go() noexcept {
    if (!is_holding_) return;
    is_holding_ = false;
    is_last_ = memory_->let_go();
  }
  void give_back() noexcept {
    is_last_ = false;
    // Its work is known to be done; the stream belongs to the JavaScript thread.
    memory_->buffer.used_on(nullptr);
    memory_->buffer.release();
  }

  std::shared_ptr<DeviceMemory> memory_;
  bool is_holding_ = true;
  bool is_last_ = false;
};

// tfAttach(): { hostOp, gpuOp, path }
Napi::Value tf_attach(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const tensor::AliasOps& ops = tensor::attach_tensorflow();
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("hostOp", ops.host_name);
    result.Set("gpuOp", ops.gpu_name);
    result.Set("path", ops.path);
    return result;
  });
}

std::size_t element_bytes(std::int64_t type) {
  switch (static_cast<tensor::TfType>(type)) {
    case tensor::TfType::kFloat:
    case tensor::TfType::kInt32:
      return 4;
    case tensor::TfType::kBool:
      return 1;
  }
  throw Error(ErrorCode::ARG_RANGE, "native tensor: tfjs has no tensors of this type");
}

// The shape, and the bytes of its elements.
std::size_t read_shape(const Napi::Array& from, std::size_t bytes, std::vector<std::int64_t>& shape) {
  for (std::uint32_t axis = 0; axis < from.Length(); ++axis) {
    const Napi::Value value = from.Get(axis);
    const double size = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
    if (!(size >= 0 && size <= 2147483647.0)) {
      throw Error(ErrorCode::ARG_RANGE, "native tensor: expected a shape of whole numbers from 0");
    }
    const auto count = static_cast<std::size_t>(size);
    if (count != 0 && bytes > std::numeric_limits<std::size_t>::max() / count) {
      throw Error(ErrorCode::ARG_RANGE, "native tensor: the shape has too many elements");
    }
    bytes *= count;
    shape.push_back(static_cast<std::int64_t>(size));
  }
  return bytes;
}

// tfLend(memory, { byteOffset, type, shape }): { slot, generation }
Napi::Value tf_lend(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const std::shared_ptr<DeviceMemory> memory = shared_of<DeviceMemory>(info[0], "device memory");
    memory->require_live();
    if (!info[1].IsObject()) throw Error(ErrorCode::ARG_TYPE, "native tensor: expected a tensor");
    const Napi::Object request = info[1].As<Napi::Object>();
    tensor::Alias alias;
    const std::int64_t type = get_int(request, "type");
    alias.type = static_cast<int>(type);
    alias.bytes = read_shape(get_array(request, "shape"), element_bytes(type), alias.shape);
    alias.data = memory->at(static_cast<std::size_t>(get_int(request, "byteOffset")), alias.bytes);
    alias.on_gpu = memory->session->device->kind() != DeviceKind::kHost;
    tensor::AliasTable::require_aligned(alias.data, alias.on_gpu);
    if (memory->writers > 0 || (memory->ready && !memory->ready->is_complete())) {
      throw Error(ErrorCode::BUSY, "the memory is being written; wait for it first");
    }
    alias.owner = std::make_unique<TensorHold>(memory->shared_from_this());
    const tensor::AliasHandle handle = tensor::alias_table().put(std::move(alias));
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("slot", handle.slot);
    result.Set("generation", handle.generation);
    return result;
  });
}

// tfDrop(slot, generation): boolean; true where no operation had taken it
Napi::Value tf_drop(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    if (!info[0].IsNumber() || !info[1].IsNumber()) {
      throw Error(ErrorCode::ARG_TYPE, "native tensor: expected a handle");
    }
    const tensor::AliasHandle handle{info[0].As<Napi::Number>().Int32Value(),
                                     info[1].As<Napi::Number>().Int32Value()};
    return Napi::Boolean::New(info.Env(), tensor::alias_table().drop(handle));
  });
}

// tfStats(): { slots, waiting, lent, returning, returned }
Napi::Value tf_stats(const Napi::CallbackInfo& info) {
  const tensor::AliasStats stats = tensor::alias_table().stats();
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("slots", static_cast<double>(stats.slots));
  result.Set("waiting", static_cast<double>(stats.waiting));
  result.Set("lent", static_cast<double>(stats.lent));
  result.Set("returning", static_cast<double>(stats.returning));
  result.Set("returned", static_cast<double>(stats.returned));
  return result;
}

}  // namespace

void register_tfjs(Napi::Env env, Napi::Object exports) {
  exports.Set("tfAttach", Napi::Function::New(env, tf_attach, "tfAttach"));
  exports.Set("tfLend", Napi::Function::New(env, tf_lend, "tfLend"));
  exports.Set("tfDrop", Napi::Function::New(env, tf_drop, "tfDrop"));
  exports.Set("tfStats", Napi::Function::New(env, tf_stats, "tfStats"));
}

}  // namespace flowstate::binding
