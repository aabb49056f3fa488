// Worker threads for one process's batch work. A call is cut into numbered tasks; the caller and the workers take
// them from one counter, so the caller never waits for a busy pool: with no worker free it does everything itself.
//
// Thread-safe: any number of threads may call parallel_for at once, also from inside a task. Workers sleep when
// there is nothing to do. The destructor joins them; it must not run while a call is in progress.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace flowstate {

class ThreadPool {
 public:
  // fn(task, slot): `slot` in [0, threads) is unique among the threads that run this call at one moment, so it can
  // index scratch space.
  using Task = std::function<void(std::int64_t task, int slot)>;

  // `threads` counts the caller: threads - 1 workers are started. 0: one per hardware thread.
  explicit ThreadPool(int threads = 0);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // The most threads that one call can have, the caller included.
  int threads() const noexcept { return static_cast<int>(workers_.size()) + 1; }

  // Runs fn for every task in [0, tasks) on at most `limit` threads (0: all), and returns when all have ended. The
  // first exception stops tasks that have not begun and is rethrown here.
  void parallel_for(std::int64_t tasks, const Task& fn, int limit = 0);

 private:
  struct Job;
  void work();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Job*> jobs_;
  std::vector<std::thread> workers_;
  bool stopping_ = false;
};

}  // namespace flowstate
