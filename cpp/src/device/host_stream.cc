#include "device/host_stream.h"

#include <chrono>
#include <cstring>
#include <exception>
#include <numeric>
#include <string>
#include <utility>

#include "device/sort_pairs.h"
#include "device/streaming_copy.h"
#include "flowstate/functors/affine.h"

namespace flowstate::device {

namespace {

std::int64_t now_ns() noexcept {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::shared_ptr<const Error> current_failure() {
  try {
    throw;
  } catch (const Error& error) {
    return std::make_shared<const Error>(error);
  } catch (const std::exception& error) {
    return std::make_shared<const Error>(ErrorCode::INTERNAL,
                                         std::string("work on a stream threw: ") + error.what());
  } catch (...) {
    return std::make_shared<const Error>(ErrorCode::INTERNAL, "work on a stream threw something unknown");
  }
}

HostEvent& host_event(Event& event) {
  auto* const mine = dynamic_cast<HostEvent*>(&event);
  if (mine == nullptr) throw Error(ErrorCode::ARG_RANGE, "the event belongs to another device");
  return *mine;
}

}  // namespace

void HostPoint::reach(std::shared_ptr<const Error> failure) {
  {
    const std::lock_guard lock(mutex_);
    done_ = true;
    at_ns_ = now_ns();
    failure_ = std::move(failure);
  }
  reached_.notify_all();
}

bool HostPoint::is_reached() const {
  const std::lock_guard lock(mutex_);
  return done_;
}

std::shared_ptr<const Error> HostPoint::await() {
  std::unique_lock lock(mutex_);
  reached_.wait(lock, [this] { return done_; });
  return failure_;
}

std::shared_ptr<const Error> HostPoint::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

std::int64_t HostPoint::reached_ns() const {
  const std::lock_guard lock(mutex_);
  return at_ns_;
}

bool HostEvent::is_complete() {
  state_->throw_if_lost();
  if (!point) return true;
  if (!point->is_reached()) return false;
  if (const auto failure = point->failure()) throw Error(*failure);
  return true;
}

void HostEvent::synchronize() {
  if (point) {
    if (const auto failure = point->await()) throw Error(*failure);
  }
  state_->throw_if_lost();
}

double HostEvent::elapsed_ms_since(Event& start) {
  HostEvent& from = host_event(start);
  if (!point || !from.point || !point->is_reached() || !from.point->is_reached()) {
    throw Error(ErrorCode::ARG_RANGE, "elapsed time: both events must have been recorded and reached");
  }
  return static_cast<double>(point->reached_ns() - from.point->reached_ns()) / 1e6;
}

HostStream::HostStream(std::shared_ptr<HostState> state) : state_(std::move(state)) {
  state_->add_stream(this);
}

HostStream::~HostStream() {
  state_->remove_stream(this);
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void HostStream::copy(void* target, const void* source, std::size_t bytes, Way way) {
  const bool refused = state_->strikes(Call::kCopy);
  const bool fails_later = state_->strikes(Call::kCopyLater);
  if (bytes == 0) return;
  if (target == nullptr || source == nullptr) throw Error(ErrorCode::ARG_RANGE, "copy: null memory");
  if (refused) throw Error(ErrorCode::CUDA, "copy: the device refused the copy");
  if (fails_later) {
    enqueue([] { throw Error(ErrorCode::CUDA, "copy: the device reported an error while copying"); });
    return;
  }
  const auto to = reinterpret_cast<std::uintptr_t>(target);
  const auto from = reinterpret_cast<std::uintptr_t>(source);
  const bool apart = to + bytes <= from || from + bytes <= to;
  if (way == Way::kToDevice && apart && bytes >= kLeastStreamed) {
    enqueue([target, source, bytes] { copy_streaming(target, source, bytes); });
  } else {
    enqueue([target, source, bytes] { std::memmove(target, source, bytes); });
  }
}

void HostStream::copy_to_device(void* target, const void* source, std::size_t bytes) {
  copy(target, source, bytes, Way::kToDevice);
}
void HostStream::copy_to_host(void* target, const void* source, std::size_t bytes) {
  copy(target, source, bytes, Way::kElsewhere);
}
void HostStream::copy_on_device(void* target, const void* source, std::size_t bytes) {
  copy(target, source, bytes, Way::kElsewhere);
}

void HostStream::fill(void* target, std::uint8_t value, std::size_t bytes) {
  const bool refused = state_->strikes(Call::kCopy);
  if (bytes == 0) return;
  if (target == nullptr) throw Error(ErrorCode::ARG_RANGE, "fill: null memory");
  if (refused) throw Error(ErrorCode::CUDA, "fill: the device refused the fill");
  enqueue([target, value, bytes] { std::memset(target, value, bytes); });
}

void HostStream::affine_f32(float* target, const float* source, std::size_t count, float scale,
                            float offset) {
  state_->throw_if_lost();
  if (count == 0) return;
  if (target == nullptr || source == nullptr) throw Error(ErrorCode::ARG_RANGE, "affine: null memory");
  for_each(count, functors::AffineElement{target, source, {scale, offset}});
}

void HostStream::launch(std::function<void()> kernel) {
  state_->throw_if_lost();
  if (state_->strikes(Call::kKernel)) throw Error(ErrorCode::CUDA, "the device refused the kernel");
  enqueue(std::move(kernel));
}

void HostStream::for_each(std::size_t count, const functors::Element& element) {
  if (count == 0) return;
  launch([=] {
    std::visit(
        [count](const auto& body) {
          for (std::size_t i = 0; i < count; ++i) body(i);
        },
        element);
  });
}

void HostStream::run_tiles(std::size_t count, const functors::Tile& tile) {
  if (count == 0) return;
  launch([=] { std::visit([count](const auto& body) { functors::run_tiles_here(body, count); }, tile); });
}

void HostStream::sort_pairs(const SortPairs& sort) {
  if (sort.count == 0) return;
  launch([=] { sort_pairs_here(sort); });
}

void HostStream::exclusive_sum(std::int64_t* out, const std::int64_t* in, std::size_t count) {
  if (count == 0) return;
  launch([=] { std::exclusive_scan(in, in + count, out, std::int64_t{0}); });
}

void HostStream::run_on_host(std::function<void()> work) {
  state_->throw_if_lost();
  enqueue(std::move(work));
}

void HostStream::record(Event& event) {
  HostEvent& mine = host_event(event);
  state_->throw_if_lost();
  mine.point = mark();
}

std::shared_ptr<HostPoint> HostStream::mark() {
  auto point = std::make_shared<HostPoint>();
  enqueue_always([this, point] {
    std::shared_ptr<const Error> failure;
    {
      const std::lock_guard lock(mutex_);
      failure = failure_;
    }
    point->reach(std::move(failure));
  });
  return point;
}

void HostStream::wait(Event& event) {
  const std::shared_ptr<HostPoint> point = host_event(event).point;
  state_->throw_if_lost();
  if (!point) return;
  // What failed before the event is this stream's failure too: the work after it would read what was never written.
  enqueue([point] {
    if (const auto failure = point->await()) throw Error(*failure);
  });
}

bool HostStream::is_idle() {
  state_->throw_if_lost();
  const std::lock_guard lock(mutex_);
  if (failure_) throw Error(*failure_);
  return tasks_.empty() && !busy_;
}

void HostStream::synchronize() {
  drain();
  state_->throw_if_lost();
  const std::lock_guard lock(mutex_);
  if (failure_) throw Error(*failure_);
}

void HostStream::drain() noexcept {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return tasks_.empty() && !busy_; });
}

void HostStream::enqueue(std::function<void()> work) { push({std::move(work), false}); }
void HostStream::enqueue_always(std::function<void()> work) { push({std::move(work), true}); }

void HostStream::push(Task task) {
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
    if (!thread_.joinable()) {
      try {
        thread_ = std::thread([this] { run(); });
      } catch (const std::exception& error) {
        tasks_.pop_back();
        throw Error(ErrorCode::OUT_OF_MEMORY,
                    std::string("a stream could not start its thread: ") + error.what());
      }
    }
  }
  changed_.notify_all();
}

void HostStream::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return !tasks_.empty() || ending_; });
    if (tasks_.empty()) return;
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    busy_ = true;
    const bool runs = task.always || !failure_;
    lock.unlock();
    std::shared_ptr<const Error> failure;
    if (runs) {
      try {
        if (!task.always) state_->throw_if_lost();
        task.work();
      } catch (...) {
        failure = current_failure();
      }
    }
    task.work = nullptr;  // what it captured ends here, before anyone hears that it is done
    lock.lock();
    if (failure && !failure_) failure_ = std::move(failure);
    busy_ = false;
    if (tasks_.empty()) changed_.notify_all();
  }
}

}  // namespace flowstate::device
