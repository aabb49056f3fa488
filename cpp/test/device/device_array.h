// Device memory as tests fill and read it.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "flowstate/device/device.h"

namespace flowstate::device::conformance {

// Device bytes, through pinned memory.
inline std::vector<std::uint8_t> download(Device& device, Stream& stream, const void* data,
                                          std::size_t bytes) {
  std::vector<std::uint8_t> result(bytes);
  const PinnedBlock block = device.allocate_pinned(bytes);
  stream.copy_to_host(block.data, data, bytes);
  stream.synchronize();
  if (bytes > 0) std::memcpy(result.data(), block.data, bytes);
  device.free_pinned(block);
  return result;
}

// An array in device memory.
template <typename Value>
struct DeviceArray {
  DeviceArray(Device& owner, std::size_t length)
      : device(owner), count(length), data(static_cast<Value*>(owner.allocate(length * sizeof(Value)))) {}
  DeviceArray(Device& owner, Stream& stream, const std::vector<Value>& values)
      : DeviceArray(owner, values.size()) {
    stream.copy_to_device(data, values.data(), count * sizeof(Value));
    stream.synchronize();
  }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;
  ~DeviceArray() { device.free(data); }
  std::vector<Value> read(Stream& stream) const {
    const std::vector<std::uint8_t> bytes = download(device, stream, data, count * sizeof(Value));
    std::vector<Value> values(count);
    std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
  }
  Device& device;
  std::size_t count;
  Value* data;
};

}  // namespace flowstate::device::conformance
