// The host device, as the conformance suite wants it.
#pragma once

#include <memory>

#include "device/conformance.h"

namespace flowstate::device {

// The plan is the device's own; what is live is seen by its memory account, so the devices before the last are gone.
inline conformance::Subject host_subject() {
  struct Shared {
    std::shared_ptr<FaultPlan> plan;
    std::weak_ptr<Device> last;
  };
  auto shared = std::make_shared<Shared>();
  conformance::Subject subject;
  subject.open = [shared] {
    shared->plan = std::make_shared<FaultPlan>();
    auto opened = open_host_device({.memory_bytes = std::size_t{256} << 20, .faults = shared->plan});
    shared->last = opened;
    return opened;
  };
  subject.arm = [shared](Call call, std::uint64_t nth, std::uint64_t times) {
    shared->plan->arm(call, nth, times);
  };
  subject.disarm = [shared] { shared->plan->disarm(); };
  subject.live = [shared] { return static_cast<std::size_t>(shared->last.use_count()); };
  return subject;
}

}  // namespace flowstate::device
