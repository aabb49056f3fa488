#include "binding/async.h"

namespace flowstate::binding {

AsyncRunner::AsyncRunner(Napi::Env env) : env_(env) {
  const Napi::String name = Napi::String::New(env, "flowstate");
  napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, this,
                                  &AsyncRunner::on_settled, &settled_);
  // An idle runner must not keep the process alive; start() takes a reference while work is under way.
  napi_unref_threadsafe_function(env, settled_);
  napi_add_env_cleanup_hook(
      env, [](void* self) { static_cast<AsyncRunner*>(self)->shutdown(); }, this);
}

AsyncRunner::~AsyncRunner() {
  if (!down_) {
    napi_remove_env_cleanup_hook(
        env_, [](void* self) { static_cast<AsyncRunner*>(self)->shutdown(); }, this);
    shutdown();
  }
}

Napi::Object AsyncRunner::start(Napi::Env env, std::unique_ptr<Task> task) {
  const std::uint64_t id = next_id_++;
  std::shared_ptr<Task> shared = std::move(task);
  if (tasks_.empty()) napi_ref_threadsafe_function(env, settled_);
  tasks_.emplace(id, shared);
  {
    const std::lock_guard lock(mutex_);
    queue_.emplace_back(id, shared.get());
    if (threads_.size() < kThreads && threads_.size() < tasks_.size()) {
      threads_.emplace_back([this] { run(); });
    }
  }
  wake_.notify_one();

  Napi::Object handle = Napi::Object::New(env);
  handle.Set("promise", shared->promise());
  // Weak: cancelling after the task settled is harmless, and the handle does not keep the result alive.
  handle.Set("cancel",
             Napi::Function::New(env, [weak = std::weak_ptr<Task>(shared)](const Napi::CallbackInfo&) {
               if (const auto strong = weak.lock()) strong->cancel();
             }));
  return handle;
}

void AsyncRunner::run() {
  for (;;) {
    std::pair<std::uint64_t, Task*> item;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (stopping_) return;
      item = queue_.front();
      queue_.pop_front();
    }
    try {
      item.second->work();
    } catch (...) {
      item.second->failed_ = true;
      item.second->error_ = current_error();
    }
    // The id travels as the pointer: the task itself may be gone when a closing environment drops the call.
    napi_call_threadsafe_function(settled_, reinterpret_cast<void*>(static_cast<std::uintptr_t>(item.first)),
                                  napi_tsfn_nonblocking);
  }
}

void AsyncRunner::on_settled(napi_env env, napi_value, void* context, void* data) {
  if (env == nullptr) return;  // closing; shutdown() has released everything
  static_cast<AsyncRunner*>(context)->settle(Napi::Env(env), reinterpret_cast<std::uintptr_t>(data));
}

void AsyncRunner::settle(Napi::Env env, std::uint64_t id) {
  const auto found = tasks_.find(id);
  if (found == tasks_.end()) return;
  const Napi::HandleScope scope(env);
  const std::shared_ptr<Task> task = std::move(found->second);
  tasks_.erase(found);
  if (tasks_.empty()) napi_unref_threadsafe_function(env, settled_);
  // Where the environment is being torn down, every call into it throws, settling included: nobody waits any more, and
  // an exception that left this function would end the process.
  try {
    if (!task->failed_) {
      try {
        task->deferred_.Resolve(task->result(env));
        return;
      } catch (const Napi::Error& error) {
        task->deferred_.Reject(error.Value());
        return;
      } catch (...) {
        task->error_ = current_error();
      }
    }
    task->deferred_.Reject(to_js(env, task->error_));
  } catch (const Napi::Error&) {
  }
}

void AsyncRunner::shutdown() {
  if (down_) return;
  down_ = true;
  for (const auto& [id, task] : tasks_) task->cancel();
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  tasks_.clear();
  napi_release_threadsafe_function(settled_, napi_tsfn_abort);
}

}  // namespace flowstate::binding
