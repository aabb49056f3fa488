// What the order book's bindings share: typed columns out of a request object, and the count of living objects.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

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

// Counts the object in `live` until it is destroyed, on whatever thread that is.
template <typename T>
std::shared_ptr<T> counted(std::unique_ptr<T> object, std::shared_ptr<std::atomic<std::int64_t>> live) {
  ++*live;
  return std::shared_ptr<T>(object.release(), [live = std::move(live)](T* held) {
    delete held;
    --*live;
  });
}

}  // namespace flowstate::binding
