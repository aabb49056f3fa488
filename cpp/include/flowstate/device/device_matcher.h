// The matcher of asof::join on a device: times and codes go up, the matched rows come down, what is in between is
// device/asof_join.h. One object serves one call of asof::join; a left side that several streams share goes up, and is
// put in order, once.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "flowstate/asof/matcher.h"
#include "flowstate/device/asof_join.h"
#include "flowstate/device/transfer.h"

namespace flowstate::device {

// Bytes a second, read and written, of a large copy within the device's memory; measured once. Thread-safe.
class CopyRate {
 public:
  double get(JoinWork& work);

 private:
  std::atomic<double> rate_{0};
};

class DeviceMatcher final : public asof::Matcher {
 public:
  struct Parts {
    std::shared_ptr<Device> device;
    std::shared_ptr<DevicePool> pool;
    std::shared_ptr<Transfer> transfer;
    std::shared_ptr<CopyRate> copy_rate;
    MatchPlan plan = MatchPlan::kAuto;
  };
  explicit DeviceMatcher(Parts parts);
  ~DeviceMatcher() override;
  void begin() override;
  Counts match(const Task& task, std::int32_t* out, asof::Explain& explain) override;

 private:
  struct Left;
  Left& left_of(JoinWork& work, const Task& task, std::size_t& up);

  Parts parts_;
  std::shared_ptr<Stream> stream_;
  std::vector<std::unique_ptr<Left>> lefts_;
};

}  // namespace flowstate::device
