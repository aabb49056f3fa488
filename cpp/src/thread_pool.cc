// One mutex guards the list of jobs and who has joined which; tasks themselves are taken from an atomic counter.
#include "flowstate/thread_pool.h"

#include <algorithm>
#include <atomic>

namespace flowstate {

// Lives on the caller's stack: the caller leaves only when no worker is inside (active == 0) and the job is off
// the list, so that no worker can find it any more.
struct ThreadPool::Job {
  const Task* fn;
  std::int64_t tasks;
  int helpers_wanted;
  int helpers_joined = 0;  // guarded by mutex_
  int active = 0;          // guarded by mutex_
  std::atomic<std::int64_t> next{0};
  std::exception_ptr failure;  // guarded by mutex_
  std::condition_variable done;

  void run(int slot, std::mutex& mutex) noexcept {
    for (;;) {
      const std::int64_t task = next.fetch_add(1, std::memory_order_relaxed);
      if (task >= tasks) return;
      try {
        (*fn)(task, slot);
      } catch (...) {
        next.store(tasks, std::memory_order_relaxed);
        const std::lock_guard<std::mutex> lock(mutex);
        if (!failure) failure = std::current_exception();
        return;
      }
    }
  }
};

ThreadPool::ThreadPool(int threads) {
  if (threads <= 0) threads = static_cast<int>(std::thread::hardware_concurrency());
  threads = std::clamp(threads, 1, 256);
  workers_.reserve(static_cast<std::size_t>(threads - 1));
  try {
    for (int i = 1; i < threads; ++i) workers_.emplace_back([this] { work(); });
  } catch (const std::system_error&) {
    // The system gives no more threads: the pool works with those it has.
  }
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::parallel_for(std::int64_t tasks, const Task& fn, int limit) {
  if (tasks <= 0) return;
  int width = limit <= 0 ? threads() : std::min(limit, threads());
  if (tasks < width) width = static_cast<int>(tasks);
  if (width == 1) {
    for (std::int64_t task = 0; task < tasks; ++task) fn(task, 0);
    return;
  }
  Job job;
  job.fn = &fn;
  job.tasks = tasks;
  job.helpers_wanted = width - 1;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    jobs_.push_back(&job);
  }
  for (int i = 1; i < width; ++i) wake_.notify_one();
  job.run(0, mutex_);
  std::unique_lock<std::mutex> lock(mutex_);
  jobs_.erase(std::find(jobs_.begin(), jobs_.end(), &job));
  job.done.wait(lock, [&job] { return job.active == 0; });
  if (job.failure) std::rethrow_exception(job.failure);
}

void ThreadPool::work() {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    Job* job = nullptr;
    for (Job* candidate : jobs_) {
      if (candidate->helpers_joined < candidate->helpers_wanted &&
          candidate->next.load(std::memory_order_relaxed) < candidate->tasks) {
        job = candidate;
        break;
      }
    }
    if (job == nullptr) {
      if (stopping_) return;
      wake_.wait(lock);
      continue;
    }
    const int slot = ++job->helpers_joined;
    ++job->active;
    lock.unlock();
    job->run(slot, mutex_);
    lock.lock();
    // Notified under the lock: the job may cease to exist as soon as the lock is given up.
    if (--job->active == 0) job->done.notify_one();
  }
}

}  // namespace flowstate
