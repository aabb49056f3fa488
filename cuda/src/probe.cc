// The device probe over the CUDA runtime. cudart is static and loads the driver itself, so a machine without
// one gets an answer here rather than an unloadable addon.
#include "flowstate/device/probe.h"

#include <cuda_runtime_api.h>

#include <cstdio>
#include <string>

namespace flowstate::device {

namespace {

std::string version_text(int encoded) {
  return std::to_string(encoded / 1000) + "." + std::to_string(encoded % 1000 / 10);
}

// Why cudaGetDeviceCount() said no. With no driver at all the runtime reports 35 as well, so the version decides.
std::string why_not(cudaError_t status, const Probe& probe) {
  switch (status) {
    case cudaErrorInsufficientDriver:
      return std::string(kDriverTooOld) + " (the driver supports CUDA " + version_text(probe.driver_version) +
             ", the addon was built with " + version_text(probe.runtime_version) + ")";
    case cudaErrorNoDevice:
      return std::string(kNoDevice) + " (the driver sees no GPU, or CUDA_VISIBLE_DEVICES hides it)";
    case cudaErrorStubLibrary:
      return std::string(kNoDriver) + " (the toolkit's stub of libcuda.so.1 was loaded)";
    default:
      return std::string(kCudaFailure) + " (cudaGetDeviceCount: " + cudaGetErrorName(status) + ", " +
             cudaGetErrorString(status) + ")";
  }
}

DeviceProperties describe(const cudaDeviceProp& from) {
  DeviceProperties to;
  to.name = from.name;
  to.memory_bytes = static_cast<std::int64_t>(from.totalGlobalMem);
  to.compute_major = from.major;
  to.compute_minor = from.minor;
  to.multiprocessors = from.multiProcessorCount;
  to.copy_engines = from.asyncEngineCount;
  char bus[32];
  std::snprintf(bus, sizeof(bus), "%04x:%02x:%02x.0", static_cast<unsigned>(from.pciDomainID),
                static_cast<unsigned>(from.pciBusID), static_cast<unsigned>(from.pciDeviceID));
  to.pci_bus_id = bus;
  to.unified_addressing = from.unifiedAddressing != 0;
  to.memory_pools = from.memoryPoolsSupported != 0;
  return to;
}

}  // namespace

Probe probe() {
  Probe result;
  result.built_with_cuda = true;
  int version = 0;
  if (cudaRuntimeGetVersion(&version) == cudaSuccess) result.runtime_version = version;
  version = 0;
  if (cudaDriverGetVersion(&version) == cudaSuccess) result.driver_version = version;
  if (result.driver_version == 0) {
    (void)cudaGetLastError();
    result.reason = std::string(kNoDriver) + " (libcuda.so.1 was not found)";
    return result;
  }
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess) {
    (void)cudaGetLastError();
    result.reason = why_not(status, result);
    return result;
  }
  for (int i = 0; i < count; ++i) {
    cudaDeviceProp properties;
    if (cudaGetDeviceProperties(&properties, i) != cudaSuccess) {
      // Left out, the devices after it would have another number here than CUDA gives them.
      (void)cudaGetLastError();
      result.devices.emplace_back();
      result.devices.back().name = "unreadable device";
      continue;
    }
    result.devices.push_back(describe(properties));
  }
  if (result.devices.empty()) result.reason = std::string(kNoDevice) + " (the driver reports none)";
  return result;
}

}  // namespace flowstate::device
