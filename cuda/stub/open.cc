// The cuda device where there was no CUDA compiler: refused, with the probe's reason.
#include "flowstate/device/device.h"

namespace flowstate::device {

std::shared_ptr<Device> open_cuda_device(int) {
  throw Error(ErrorCode::CUDA_UNAVAILABLE, "no CUDA device can be opened: " + probe().reason);
}

}  // namespace flowstate::device
