// Shared native objects as opaque handles: JavaScript holds a std::shared_ptr, and its finalizer drops it.
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

}  // namespace flowstate::binding
