#include "flowstate/device/join_work.h"

#include <cmath>

namespace flowstate::device {

JoinWork::JoinWork(std::shared_ptr<DevicePool> pool, std::shared_ptr<Stream> stream, const Options& options)
    : pool_(std::move(pool)), stream_(std::move(stream)), options_(options) {
  if (!options_.timed) return;
  marks_.push_back(pool_->device().create_event());
  stream_->record(*marks_.back());
}

void JoinWork::check_cancelled() const {
  if (options_.cancel != nullptr && options_.cancel->load(std::memory_order_relaxed)) {
    throw Error(ErrorCode::ABORTED, "the join was cancelled");
  }
}

void JoinWork::end_phase(const char* name, std::size_t bytes) {
  check_cancelled();
  phases_.push_back({name, 0, static_cast<std::int64_t>(bytes)});
  if (!options_.timed) return;
  marks_.push_back(pool_->device().create_event());
  stream_->record(*marks_.back());
}

std::vector<WorkPhase> JoinWork::phases() {
  stream_->synchronize();
  for (std::size_t i = 0; options_.timed && i < phases_.size(); ++i) {
    phases_[i].ns = std::llround(marks_[i + 1]->elapsed_ms_since(*marks_[i]) * 1e6);
  }
  return phases_;
}

}  // namespace flowstate::device
