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
  std::int32_t multiprocessors = 0;
  std::int32_t copy_engines = 0;    // copies that can run beside each other and beside kernels
  std::string pci_bus_id;           // "0000:1b:00.0"; empty on host
  bool unified_addressing = false;  // host and device pointers share one address space
  bool memory_pools = false;        // stream-ordered allocation is the driver's
};

// What `Probe::reason` begins with, so that each cause can be told apart without reading prose.
inline constexpr const char* kBuiltWithoutCuda = "built without CUDA";
inline constexpr const char* kNoDriver = "no driver";
inline constexpr const char* kDriverTooOld = "driver older than the runtime";
inline constexpr const char* kNoDevice = "no device";
inline constexpr const char* kCudaFailure = "CUDA failure";

struct Probe {
  bool built_with_cuda = false;
  std::int32_t runtime_version = 0;  // CUDA's encoding: 13000 is 13.0; 0 when built without
  std::int32_t driver_version = 0;   // newest CUDA the driver supports; 0 when there is no driver
  std::vector<DeviceProperties> devices;
  std::string
      reason;  // empty when a device can be used; else one of the texts above and, in parentheses, the facts
};

Probe probe();

}  // namespace flowstate::device
