// Streams and events of the host device: a stream is a thread with a queue, an event a pointer to the last point
// recorded. Every record() makes a new point, so that who waits for an earlier one is not released by a later one on
// another stream.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "device/host_state.h"
#include "flowstate/device/device.h"

namespace flowstate::device {

// Reached once, with the failure of its stream if there was one.
class HostPoint {
 public:
  void reach(std::shared_ptr<const Error> failure);
  bool is_reached() const;
  // Blocks; the failure, or null.
  std::shared_ptr<const Error> await();
  std::shared_ptr<const Error> failure() const;
  std::int64_t reached_ns() const;

 private:
  mutable std::mutex mutex_;
  std::condition_variable reached_;
  bool done_ = false;
  std::int64_t at_ns_ = 0;
  std::shared_ptr<const Error> failure_;
};

class HostEvent final : public Event {
 public:
  explicit HostEvent(std::shared_ptr<HostState> state) : state_(std::move(state)) {}
  bool is_complete() override;
  void synchronize() override;
  double elapsed_ms_since(Event& start) override;

  std::shared_ptr<HostPoint> point;  // null: never recorded

 private:
  std::shared_ptr<HostState> state_;
};

class HostStream final : public Stream {
 public:
  explicit HostStream(std::shared_ptr<HostState> state);
  ~HostStream() override;

  void copy_to_device(void* target, const void* source, std::size_t bytes) override;
  void copy_to_host(void* target, const void* source, std::size_t bytes) override;
  void copy_on_device(void* target, const void* source, std::size_t bytes) override;
  void fill(void* target, std::uint8_t value, std::size_t bytes) override;
  void affine_f32(float* target, const float* source, std::size_t count, float scale, float offset) override;
  void for_each(std::size_t count, const functors::Element& element) override;
  void run_tiles(std::size_t count, const functors::Tile& tile) override;
  void sort_pairs(const SortPairs& sort) override;
  void exclusive_sum(std::int64_t* out, const std::int64_t* in, std::size_t count) override;
  void run_on_host(std::function<void()> work) override;
  void record(Event& event) override;
  void wait(Event& event) override;
  bool is_idle() override;
  void synchronize() override;
  void* native_handle() const noexcept override { return nullptr; }

  // Work that throws breaks the stream; when broken, it is dropped.
  void enqueue(std::function<void()> work);
  // Runs even on a broken stream.
  void enqueue_always(std::function<void()> work);
  // A point after the work given so far.
  std::shared_ptr<HostPoint> mark();
  // Waits for what was given so far, whatever became of it.
  void drain() noexcept;

 private:
  struct Task {
    std::function<void()> work;
    bool always = false;
  };
  void push(Task task);
  void run();
  enum class Way : std::uint8_t { kToDevice, kElsewhere };
  void copy(void* target, const void* source, std::size_t bytes, Way way);
  void launch(std::function<void()> kernel);

  std::shared_ptr<HostState> state_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Task> tasks_;
  bool busy_ = false;
  bool ending_ = false;
  std::shared_ptr<const Error> failure_;  // guarded by mutex_
  std::thread thread_;                    // started by the first task
};

}  // namespace flowstate::device
