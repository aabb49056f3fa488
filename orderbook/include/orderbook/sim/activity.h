// A day that is busier at some times than at others, by a change of clock: the process runs at an even pace, and its time
// is mapped piecewise linearly to the market's. Order is kept, and so is every law of the process but its pace.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace orderbook::sim {

class ActivityClock {
 public:
  ActivityClock(std::span<const std::uint32_t> activity, std::int64_t duration_ns) : duration_(duration_ns) {
    double weights = 0;
    for (const std::uint32_t part : activity) weights += part;  // whole numbers: exact
    double sum = 0;
    for (std::size_t i = 0; i < activity.size(); ++i) {
      if (activity[i] == 0) continue;
      const auto share = [&](double amount, double whole) {
        return static_cast<std::int64_t>(static_cast<double>(duration_) * (amount / whole));
      };
      const double parts = static_cast<double>(activity.size());
      Part part;
      part.from = share(sum, weights);
      part.clock_from = share(static_cast<double>(i), parts);
      sum += activity[i];
      part.to = sum == weights ? duration_ : share(sum, weights);
      part.clock_to = i + 1 == activity.size() ? duration_ : share(static_cast<double>(i + 1), parts);
      if (part.to > part.from) parts_.push_back(part);
    }
  }

  // From [0, duration) to [0, duration), never descending.
  [[nodiscard]] std::int64_t operator()(std::int64_t even) const noexcept {
    if (parts_.empty()) return even;
    const auto part = std::prev(std::upper_bound(parts_.begin(), parts_.end(), even,
                                                 [](std::int64_t at, const Part& p) { return at < p.from; }));
    const double pace =
        static_cast<double>(part->clock_to - part->clock_from) / static_cast<double>(part->to - part->from);
    const auto into = static_cast<std::int64_t>(static_cast<double>(even - part->from) * pace);
    return std::min(part->clock_from + into, std::max(part->clock_from, part->clock_to - 1));
  }

 private:
  struct Part {
    std::int64_t from = 0;
    std::int64_t to = 0;
    std::int64_t clock_from = 0;
    std::int64_t clock_to = 0;
  };
  std::vector<Part> parts_;
  std::int64_t duration_;
};

}  // namespace orderbook::sim
