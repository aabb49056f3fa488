// The device probe where there was no CUDA compiler.
#include "flowstate/device/probe.h"

namespace flowstate::device {

Probe probe() {
  Probe result;
  result.reason = std::string(kBuiltWithoutCuda) + " (no CUDA compiler was found when the addon was built)";
  return result;
}

}  // namespace flowstate::device
