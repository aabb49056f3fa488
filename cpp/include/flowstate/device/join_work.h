// What the steps of one join on a device share: the stream they run on, where their memory comes from, when to stop,
// and what each cost.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "flowstate/device/device.h"
#include "flowstate/device/device_pool.h"

namespace flowstate::device {

// An array in device memory, freed in the order of its stream.
template <typename Value>
class Array {
 public:
  Array() = default;
  Array(DevicePool& pool, std::size_t count, const std::shared_ptr<Stream>& stream)
      : buffer_(pool.allocate(count * sizeof(Value), stream)), count_(count) {}
  Value* data() const noexcept { return static_cast<Value*>(buffer_.data()); }
  std::size_t count() const noexcept { return count_; }
  std::size_t bytes() const noexcept { return count_ * sizeof(Value); }
  explicit operator bool() const noexcept { return static_cast<bool>(buffer_); }
  // The work that uses it is known to be done: it is freed at once, and needs its stream no more.
  void settle() noexcept { buffer_.used_on(nullptr); }
  // The memory itself.
  DeviceBuffer take() noexcept {
    count_ = 0;
    return std::move(buffer_);
  }

 private:
  DeviceBuffer buffer_;
  std::size_t count_ = 0;
};

struct WorkPhase {
  std::string name;
  std::int64_t ns = 0;     // between events on the stream; 0 where the work was not timed
  std::int64_t bytes = 0;  // that the phase must at least read and write
};

class JoinWork {
 public:
  struct Options {
    bool timed = false;
    const std::atomic<bool>* cancel = nullptr;  // read between steps; true ends the work with ABORTED
  };
  JoinWork(std::shared_ptr<DevicePool> pool, std::shared_ptr<Stream> stream, const Options& options);

  Stream& stream() const noexcept { return *stream_; }
  const std::shared_ptr<Stream>& shared_stream() const noexcept { return stream_; }
  DevicePool& pool() const noexcept { return *pool_; }
  void check_cancelled() const;

  template <typename Value>
  Array<Value> array(std::size_t count) const {
    return Array<Value>(*pool_, count, stream_);
  }
  // Contents copied back; waits for the stream.
  template <typename Value>
  Value read(const Value* cell) const {
    Value value{};
    stream_->copy_to_host(&value, cell, sizeof value);
    stream_->synchronize();
    return value;
  }

  // Ends the phase that began with the one before.
  void end_phase(const char* name, std::size_t bytes);
  // Waits for the stream; times are known then.
  std::vector<WorkPhase> phases();

 private:
  std::shared_ptr<DevicePool> pool_;
  std::shared_ptr<Stream> stream_;
  Options options_;
  std::vector<WorkPhase> phases_;
  std::vector<std::unique_ptr<Event>> marks_;
};

}  // namespace flowstate::device
