// Files read into device memory by cuFile.
#pragma once

#include <memory>
#include <string>

#include "context.h"
#include "flowstate/device/device.h"

namespace flowstate::cuda {

// See Device::open_direct().
std::unique_ptr<device::DirectFile> open_cufile(std::shared_ptr<device::Device> device,
                                                std::shared_ptr<Context> context, const std::string& path,
                                                std::string& reason);

}  // namespace flowstate::cuda
