// A device's properties as JavaScript sees them, the same from the probe and from an open device.
#pragma once

#include <string>

#include "binding/napi_setup.h"
#include "flowstate/device/probe.h"

namespace flowstate::binding {

// { name, memoryBytes, computeCapability, multiprocessors, copyEngines, pciBusId, unifiedAddressing, memoryPools }
inline Napi::Object to_js(Napi::Env env, const device::DeviceProperties& properties) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("name", properties.name);
  result.Set("memoryBytes", static_cast<double>(properties.memory_bytes));
  result.Set("computeCapability",
             std::to_string(properties.compute_major) + "." + std::to_string(properties.compute_minor));
  result.Set("multiprocessors", static_cast<double>(properties.multiprocessors));
  result.Set("copyEngines", static_cast<double>(properties.copy_engines));
  result.Set("pciBusId", properties.pci_bus_id);
  result.Set("unifiedAddressing", properties.unified_addressing);
  result.Set("memoryPools", properties.memory_pools);
  return result;
}

}  // namespace flowstate::binding
