// What JavaScript holds of ours: shared native objects as opaque handles (it has a std::shared_ptr, and its finalizer drops
// it), and memory as ArrayBuffers.
#pragma once

#include <memory>
#include <utility>

#include "binding/guard.h"
#include "binding/napi_setup.h"

namespace flowstate::binding {

template <typename T>
Napi::External<std::shared_ptr<T>> to_external(Napi::Env env, std::shared_ptr<T> value) {
  auto owner = std::make_unique<std::shared_ptr<T>>(std::move(value));
  auto external = Napi::External<std::shared_ptr<T>>::New(
      env, owner.get(), [](Napi::Env, std::shared_ptr<T>* held) { delete held; });
  owner.release();
  return external;
}

template <typename T>
const std::shared_ptr<T>& shared_of(const Napi::Value& value, const char* what) {
  if (!value.IsExternal()) throw Error(ErrorCode::ARG_TYPE, std::string("native request: expected ") + what);
  return *value.As<Napi::External<std::shared_ptr<T>>>().Data();
}

// An ArrayBuffer over memory of ours; `owner` is deleted with it. Throws ADDON_UNAVAILABLE where the runtime forbids
// external memory: a copy would be other memory.
template <typename Owner>
Napi::Value external_buffer(Napi::Env env, void* data, std::size_t bytes, std::unique_ptr<Owner> owner) {
  napi_value buffer = nullptr;
  const napi_status status = napi_create_external_arraybuffer(
      env, data, bytes, [](napi_env, void*, void* hint) { delete static_cast<Owner*>(hint); }, owner.get(),
      &buffer);
  if (status != napi_ok) {
    throw Error(ErrorCode::ADDON_UNAVAILABLE, "this runtime does not let an addon hand out its own memory");
  }
  owner.release();  // the finalizer has it now
  return Napi::Value(env, buffer);
}

}  // namespace flowstate::binding
