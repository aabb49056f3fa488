// Asynchronous entry points: work runs on the addon's own threads, never on libuv's four (a join would starve
// file and DNS calls), and settles its promise on the JavaScript thread.
//
// Rules, each of them a crash before it was a rule:
// - `work` touches no Node-API. What it needs is unmarshalled before, what it made is marshalled after.
// - The pinned object (the request) stays referenced until the promise settled: its buffers are being read.
// - A worker_thread may end while work runs. The environment's cleanup hook cancels, waits for the threads
// and only
//   then lets the references go, all while the environment is still alive. The hook is added after the
//   thread-safe function, because hooks run last in, first out.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "binding/guard.h"
#include "binding/napi_setup.h"

namespace flowstate::binding {

// One piece of asynchronous work. Created, settled and destroyed on the JavaScript thread.
class Task {
 public:
  Task(Napi::Env env, Napi::Object pinned)
      : deferred_(Napi::Promise::Deferred::New(env)), pinned_(Napi::Persistent(pinned)) {}
  virtual ~Task() = default;
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;

  virtual void work() = 0;                        // any thread; may throw
  virtual Napi::Value result(Napi::Env env) = 0;  // JavaScript thread
  virtual void cancel() noexcept {}               // any thread

  Napi::Promise promise() const { return deferred_.Promise(); }

 private:
  friend class AsyncRunner;
  Napi::Promise::Deferred deferred_;
  Napi::ObjectReference pinned_;
  bool failed_ = false;
  ErrorRecord error_;
};

// Owns the threads that run tasks for one environment. All public methods: JavaScript thread.
class AsyncRunner {
 public:
  // Joins use the compute pool for their parallel parts; these threads coordinate, so a few are enough.
  static constexpr int kThreads = 4;

  explicit AsyncRunner(Napi::Env env);
  ~AsyncRunner();
  AsyncRunner(const AsyncRunner&) = delete;
  AsyncRunner& operator=(const AsyncRunner&) = delete;

  // Starts the task and returns { promise, cancel }.
  Napi::Object start(Napi::Env env, std::unique_ptr<Task> task);
  // Stops everything: cancels, waits, drops what has not settled. Idempotent.
  void shutdown();

 private:
  void run();
  void settle(Napi::Env env, std::uint64_t id);
  static void on_settled(napi_env env, napi_value callback, void* context, void* data);

  napi_env env_;
  napi_threadsafe_function settled_ = nullptr;
  std::unordered_map<std::uint64_t, std::shared_ptr<Task>> tasks_;  // JavaScript thread only
  std::uint64_t next_id_ = 1;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::pair<std::uint64_t, Task*>> queue_;
  bool stopping_ = false;
  bool down_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace flowstate::binding
