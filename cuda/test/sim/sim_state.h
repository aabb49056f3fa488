// The simulated runtime's state: ranges of memory, streams as threads, events as points in them, planned failures.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "sim_cudart.h"

namespace sim {

class Point {
 public:
  void reach();
  bool is_reached() const;
  void await();
  std::int64_t at_ns() const;

 private:
  mutable std::mutex mutex_;
  std::condition_variable reached_;
  std::int64_t at_ns_ = -1;
};

class Stream {
 public:
  Stream();
  ~Stream();
  // Work is skipped once the device is lost, unless it must happen all the same.
  void push(std::function<void()> work, bool always = false);
  void drain();
  bool is_idle();

 private:
  void run();
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::pair<std::function<void()>, bool>> tasks_;
  bool busy_ = false;
  bool ending_ = false;
  std::thread thread_;
};

struct Event {
  std::shared_ptr<Point> point;  // guarded by State::mutex
};

// Memory by address.
struct Range {
  std::size_t bytes;
  void* base;  // what malloc gave
};
using Ranges = std::map<std::uintptr_t, Range>;
// The range that holds all of [data, data + bytes), or end().
Ranges::iterator find_range(Ranges& ranges, const void* data, std::size_t bytes);

struct Plan {
  std::string call;
  std::uint64_t nth = 0;
  std::uint64_t times = 0;
  std::uint64_t seen = 0;
  cudaError_t status = cudaSuccess;
  cudaError_t next();
};

struct State {
  std::mutex mutex;
  Config config;
  Plan calls_plan;
  Plan work_plan;
  std::uint64_t calls = 0;
  std::size_t violations = 0;
  std::size_t used_bytes = 0;
  std::uint64_t taken = 0;  // device blocks so far: every second one is aligned as little as CUDA promises
  cudaError_t sticky = cudaSuccess;
  Ranges device;
  Ranges pinned;
  Ranges registered;
  std::set<Stream*> streams;
  std::set<Event*> events;
  std::size_t pools = 0;
};

State& state();
// Set on a stream's thread while it runs a host function.
bool& in_host_function();

}  // namespace sim
