// What accelerator this process can use, and if none, why. The one availability probe: everything that wants
// a device asks here first. Never throws, never initialises a context; safe from any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace flowstate::device {

struct DeviceProperties {
  std::string name;
  std::int64_t memory_bytes = 0;
  std::int32_t compute_major = 0;
  std::int32_t compute_minor = 0;
};

struct Probe {
  bool built_with_cuda = false;
  std::int32_t runtime_version = 0;  // CUDA's encoding: 13000 is 13.0; 0 when built without
  std::int32_t driver_version = 0;   // newest CUDA the driver supports; 0 when there is no driver
  std::vector<DeviceProperties> devices;
  std::string reason;  // empty when a device can be used
};

Probe probe();

}  // namespace flowstate::device
