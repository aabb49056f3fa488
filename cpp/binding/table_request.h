// Requests of joins of device tables, from JavaScript. Regions are held to their memory and to the rows they claim.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "binding/device_session.h"
#include "binding/napi_setup.h"
#include "flowstate/device/table_join.h"

namespace flowstate::binding {

// The device memories that a request names. JavaScript thread.
struct RequestMemory {
  std::shared_ptr<DeviceSession> session;
  std::vector<MemoryUse> uses;
  // To be reached before the work begins.
  std::vector<std::shared_ptr<device::Event>> after;

  // `bytes` from `offset` of a region { memory, offset, byteLength }, which must be at least `needed` long. Throws CLOSED,
  // ARG_RANGE, LENGTH.
  const std::byte* at(const Napi::Value& region, std::size_t needed, const std::string& name);

  std::vector<DeviceMemory*> known;
};

// A released index has none.
struct HeldTableIndex {
  std::shared_ptr<DeviceSession> session;
  std::shared_ptr<const device::TableIndex> index;
};

device::RightInput right_from_js(const Napi::Object& object, RequestMemory& memory);
device::TableJoin join_from_js(const Napi::Object& object, RequestMemory& memory);

}  // namespace flowstate::binding
