#include "sim_state.h"

#include <chrono>

namespace sim {

void Point::reach() {
  {
    const std::lock_guard lock(mutex_);
    at_ns_ = std::chrono::duration_cast<std::chrono::nanoseconds>(
                 std::chrono::steady_clock::now().time_since_epoch())
                 .count();
  }
  reached_.notify_all();
}

bool Point::is_reached() const { return at_ns() >= 0; }

void Point::await() {
  std::unique_lock lock(mutex_);
  reached_.wait(lock, [this] { return at_ns_ >= 0; });
}

std::int64_t Point::at_ns() const {
  const std::lock_guard lock(mutex_);
  return at_ns_;
}

Stream::Stream() : thread_([this] { run(); }) {}

Stream::~Stream() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Stream::push(std::function<void()> work, bool always) {
  {
    const std::lock_guard lock(mutex_);
    tasks_.emplace_back(std::move(work), always);
  }
  changed_.notify_all();
}

void Stream::drain() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return tasks_.empty() && !busy_; });
}

bool Stream::is_idle() {
  const std::lock_guard lock(mutex_);
  return tasks_.empty() && !busy_;
}

void Stream::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return !tasks_.empty() || ending_; });
    if (tasks_.empty()) return;
    auto [work, always] = std::move(tasks_.front());
    tasks_.pop_front();
    busy_ = true;
    lock.unlock();
    bool lost;
    {
      const std::lock_guard guard(state().mutex);
      lost = state().sticky != cudaSuccess;
    }
    if (always || !lost) work();
    work = nullptr;
    lock.lock();
    busy_ = false;
    if (tasks_.empty()) changed_.notify_all();
  }
}

Ranges::iterator find_range(Ranges& ranges, const void* data, std::size_t bytes) {
  const auto address = reinterpret_cast<std::uintptr_t>(data);
  auto found = ranges.upper_bound(address);
  if (found == ranges.begin()) return ranges.end();
  --found;
  const std::size_t into = address - found->first;
  return into < found->second.bytes && bytes <= found->second.bytes - into ? found : ranges.end();
}

cudaError_t Plan::next() {
  if (times == 0) return cudaSuccess;
  const std::uint64_t number = seen++;
  return number >= nth && number - nth < times ? status : cudaSuccess;
}

State& state() {
  static State* const instance = new State;
  return *instance;
}

bool& in_host_function() {
  thread_local bool inside = false;
  return inside;
}

void reset(const Config& config) {
  State& all = state();
  const std::lock_guard lock(all.mutex);
  all.config = config;
  all.calls_plan = {};
  all.work_plan = {};
  all.calls = 0;
  all.violations = 0;
  all.sticky = cudaSuccess;
}

void arm(const char* call, std::uint64_t nth, std::uint64_t times, cudaError_t status) {
  const std::lock_guard lock(state().mutex);
  state().calls_plan = {call, nth, times, 0, status};
  state().calls = 0;
}

void arm_work(std::uint64_t nth, std::uint64_t times, cudaError_t status) {
  const std::lock_guard lock(state().mutex);
  state().work_plan = {"", nth, times, 0, status};
}

void disarm() {
  const std::lock_guard lock(state().mutex);
  state().calls_plan = {};
  state().work_plan = {};
}

Live live() {
  State& all = state();
  const std::lock_guard lock(all.mutex);
  return {all.device.size(),  all.pinned.size(), all.registered.size(),
          all.streams.size(), all.events.size(), all.pools};
}

std::size_t violations() {
  const std::lock_guard lock(state().mutex);
  return state().violations;
}

std::uint64_t calls() {
  const std::lock_guard lock(state().mutex);
  return state().calls;
}

bool is_device_memory(const void* data, std::size_t bytes) {
  State& all = state();
  const std::lock_guard lock(all.mutex);
  return find_range(all.device, data, bytes) != all.device.end();
}

void lose(cudaError_t status) {
  const std::lock_guard lock(state().mutex);
  if (state().sticky == cudaSuccess) state().sticky = status;
}

void enqueue(cudaStream_t stream, std::function<void()> work) {
  reinterpret_cast<Stream*>(stream)->push(std::move(work));
}

}  // namespace sim
