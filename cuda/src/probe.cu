// The device probe over the CUDA runtime. cudart is static and loads the driver itself, so a machine without
// one gets an answer here rather than an unloadable addon.
#include <cuda_runtime_api.h>

#include <string>

#include "flowstate/device/probe.h"

namespace flowstate::device {

Probe probe() {
  Probe result;
  result.built_with_cuda = true;
  int version = 0;
  if (cudaRuntimeGetVersion(&version) == cudaSuccess) result.runtime_version = version;
  version = 0;
  if (cudaDriverGetVersion(&version) == cudaSuccess) result.driver_version = version;
  if (result.driver_version == 0) {
    result.reason = "no NVIDIA driver (libcuda.so.1 was not found)";
    return result;
  }
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess) {
    (void)cudaGetLastError();
    result.reason = status == cudaErrorInsufficientDriver
                        ? "the NVIDIA driver is older than the CUDA runtime the addon was built with"
                        : std::string("CUDA reports: ") + cudaGetErrorString(status);
    return result;
  }
  for (int i = 0; i < count; ++i) {
    cudaDeviceProp properties;
    if (cudaGetDeviceProperties(&properties, i) != cudaSuccess) {
      (void)cudaGetLastError();
      continue;
    }
    result.devices.push_back({properties.name, static_cast<std::int64_t>(properties.totalGlobalMem),
                              properties.major, properties.minor});
  }
  if (result.devices.empty()) result.reason = "the driver reports no usable device";
  return result;
}

}  // namespace flowstate::device
