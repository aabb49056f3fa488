// Planned failures of the host device, so that every path behind a failing call is tested: which call, after how many
// of its kind, and what happens. An empty plan costs one atomic load a call.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "flowstate/error.h"

namespace flowstate::device {

enum class Call : std::uint8_t {
  kAllocate,
  kAllocatePinned,
  kRegister,   // register_host() says no
  kCreate,     // streams and events
  kCopy,       // the call is refused
  kCopyLater,  // the copy is accepted and fails when it runs: its stream breaks
  kRead,       // a direct read fails with IO
  kReadShort,  // a direct read brings half of what was asked for
  kLost,       // the device is lost at this call (any call counts)
  kKernel,     // for_each(), run_tiles(), sort_pairs() or exclusive_sum() is refused
};
inline constexpr std::size_t kCalls = static_cast<std::size_t>(Call::kKernel) + 1;

class FaultPlan {
 public:
  // The `nth` (0: the next) and the `times - 1` following calls of this kind fail.
  void arm(Call call, std::uint64_t nth, std::uint64_t times = 1) noexcept {
    Armed& armed = armed_[index(call)];
    armed.times.store(0);
    armed.seen.store(0);
    armed.nth.store(nth);
    armed.times.store(times);
  }
  void disarm() noexcept {
    for (Armed& armed : armed_) armed.times.store(0);
  }
  // Counts a call and says whether it shall fail. Any thread.
  bool strikes(Call call) noexcept {
    Armed& armed = armed_[index(call)];
    const std::uint64_t times = armed.times.load(std::memory_order_acquire);
    if (times == 0) return false;
    const std::uint64_t seen = armed.seen.fetch_add(1);
    const std::uint64_t nth = armed.nth.load();
    return seen >= nth && seen - nth < times;
  }

 private:
  struct Armed {
    std::atomic<std::uint64_t> nth{0};
    std::atomic<std::uint64_t> times{0};
    std::atomic<std::uint64_t> seen{0};
  };
  static std::size_t index(Call call) noexcept { return static_cast<std::size_t>(call); }
  std::array<Armed, kCalls> armed_;
};

}  // namespace flowstate::device
