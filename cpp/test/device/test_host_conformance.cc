// The host device keeps the rules of device.h.
#include <catch2/catch.hpp>
#include <memory>

#include "device/conformance.h"

namespace device = flowstate::device;
namespace conformance = flowstate::device::conformance;

namespace {

// The plan is the device's own; what is live is seen by its memory account, so the devices before the last are gone.
conformance::Subject host_subject() {
  struct Shared {
    std::shared_ptr<device::FaultPlan> plan;
    std::weak_ptr<device::Device> last;
  };
  auto shared = std::make_shared<Shared>();
  conformance::Subject subject;
  subject.open = [shared] {
    shared->plan = std::make_shared<device::FaultPlan>();
    auto opened = device::open_host_device({.memory_bytes = std::size_t{256} << 20, .faults = shared->plan});
    shared->last = opened;
    return opened;
  };
  subject.arm = [shared](device::Call call, std::uint64_t nth, std::uint64_t times) {
    shared->plan->arm(call, nth, times);
  };
  subject.disarm = [shared] { shared->plan->disarm(); };
  subject.live = [shared] { return static_cast<std::size_t>(shared->last.use_count()); };
  return subject;
}

}  // namespace

TEST_CASE("host device: memory") { conformance::check_memory(host_subject()); }
TEST_CASE("host device: copies") { conformance::check_copies(host_subject()); }
TEST_CASE("host device: order") { conformance::check_order(host_subject()); }
TEST_CASE("host device: errors") { conformance::check_errors(host_subject()); }
TEST_CASE("host device: a lost device") { conformance::check_lost(host_subject()); }
TEST_CASE("host device: every call fails once") { conformance::check_faults_everywhere(host_subject()); }
TEST_CASE("host device: files") { conformance::check_files(host_subject()); }
