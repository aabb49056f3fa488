// Arguments that the device layer's entry points share.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "binding/device_session.h"
#include "binding/external.h"
#include "binding/napi_setup.h"

namespace flowstate::binding {

inline std::shared_ptr<DeviceSession> session_of(const Napi::Value& value) {
  std::shared_ptr<DeviceSession> session = shared_of<DeviceSession>(value, "a device");
  session->require_open();
  return session;
}

inline std::shared_ptr<DeviceMemory> memory_of(const Napi::Value& value) {
  std::shared_ptr<DeviceMemory> memory = shared_of<DeviceMemory>(value, "device memory");
  memory->require_live();
  return memory;
}

// An argument that is a whole number from 0.
inline std::size_t size_of(const Napi::Value& value, const char* what) {
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
  if (!(number >= 0 && number <= 9007199254740991.0)) {
    throw Error(ErrorCode::ARG_RANGE,
                std::string("native device: ") + what + " must be a whole number from 0");
  }
  return static_cast<std::size_t>(number);
}

}  // namespace flowstate::binding
