// The catch ladder between the core and JavaScript. Native code never makes Error objects: inside Jest (and
// any other realm) they would fail `instanceof`. It throws a plain record instead, and
// lib/errors/from-native.ts builds the class with the caller's stack.
#pragma once

#include <exception>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "binding/napi_setup.h"
#include "flowstate/error.h"

namespace flowstate::binding {

// An error on its way to JavaScript, free of Node-API values so that any thread can make one.
struct ErrorRecord {
  ErrorCode code = ErrorCode::INTERNAL;
  std::string message;
  std::vector<Error::Detail> details;
};

// Call inside a catch block.
inline ErrorRecord current_error() noexcept {
  try {
    throw;
  } catch (const Error& error) {
    return {error.code(), error.what(), error.details()};
  } catch (const std::bad_alloc&) {
    return {ErrorCode::OUT_OF_MEMORY, "out of memory while joining; free some, or join in batches", {}};
  } catch (const std::exception& error) {
    return {ErrorCode::INTERNAL, std::string("unexpected native error: ") + error.what(), {}};
  } catch (...) {
    return {ErrorCode::INTERNAL, "unexpected native error of an unknown type", {}};
  }
}

inline Napi::Value to_js(Napi::Env env, const ErrorRecord& record) {
  constexpr std::int64_t kSafe = (std::int64_t{1} << 53) - 1;
  Napi::Object details = Napi::Object::New(env);
  for (const auto& [name, value] : record.details) {
    if (value <= kSafe && value >= -kSafe) {
      details.Set(name, Napi::Number::New(env, static_cast<double>(value)));
    } else {
      details.Set(name, Napi::BigInt::New(env, value));
    }
  }
  Napi::Object object = Napi::Object::New(env);
  object.Set("flowstateError", true);
  object.Set("code", to_string(record.code));
  object.Set("message", record.message);
  object.Set("details", details);
  return object;
}

// Runs a synchronous entry point; a core error is thrown to JavaScript as a record. Napi::Error passes
// through: it carries an exception that JavaScript code (a getter, say) threw.
template <typename Function>
Napi::Value guarded(const Napi::CallbackInfo& info, Function&& function) {
  try {
    return function();
  } catch (const Napi::Error&) {
    throw;
  } catch (...) {
    const ErrorRecord record = current_error();
    napi_throw(info.Env(), to_js(info.Env(), record));
    return Napi::Value();
  }
}

}  // namespace flowstate::binding
