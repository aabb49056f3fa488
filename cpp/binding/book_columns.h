// Typed columns out of a request object, for the order book's batches.
#pragma once

#include <span>
#include <string>

#include "binding/marshal.h"
#include "flowstate/error.h"

namespace flowstate::binding {

// A borrowed column; empty where the request has null. Throws Error ARG_TYPE, DETACHED, and LENGTH for bytes that are no
// whole number of values.
template <typename T>
std::span<const T> column_span(const Napi::Object& object, const char* key) {
  const Napi::Value value = get(object, key);
  if (is_nullish(value)) return {};
  const Bytes bytes = bytes_of(value, key);
  if (bytes.size % sizeof(T) != 0 || reinterpret_cast<std::uintptr_t>(bytes.data) % alignof(T) != 0) {
    throw Error(ErrorCode::LENGTH, std::string(key) + ": a column of " + std::to_string(sizeof(T)) +
                                       "-byte values was expected");
  }
  return {reinterpret_cast<const T*>(bytes.data), bytes.size / sizeof(T)};
}

}  // namespace flowstate::binding
