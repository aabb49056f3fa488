// State of the addon in one environment (the main thread or one worker_thread). Never static: two
// environments may load the addon at once, and one may be torn down while the other computes.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "binding/async.h"
#include "binding/napi_setup.h"
#include "flowstate/thread_pool.h"

namespace flowstate::binding {

struct AddonData {
  explicit AddonData(Napi::Env env) : runner(env) {}

  // The compute threads start with the first join, not with `require`.
  ThreadPool& pool();

  std::unique_ptr<ThreadPool> threads;
  // Order books and replays whose memory is held: handles share it, because finalizers may run after this is gone.
  std::shared_ptr<std::atomic<std::int64_t>> live_books = std::make_shared<std::atomic<std::int64_t>>(0);
  AsyncRunner runner;  // destroyed first: its tasks use the pool
};

AddonData& data_of(Napi::Env env);

void register_join(Napi::Env env, Napi::Object exports);
void register_stream(Napi::Env env, Napi::Object exports);
void register_device(Napi::Env env, Napi::Object exports);
void register_matrix(Napi::Env env, Napi::Object exports);
void register_pinned(Napi::Env env, Napi::Object exports);
void register_reader(Napi::Env env, Napi::Object exports);
void register_table_join(Napi::Env env, Napi::Object exports);
void register_tfjs(Napi::Env env, Napi::Object exports);
void register_onnx(Napi::Env env, Napi::Object exports);
void register_io(Napi::Env env, Napi::Object exports);
void register_book_sim(Napi::Env env, Napi::Object exports);
void register_book(Napi::Env env, Napi::Object exports);
void register_book_replay(Napi::Env env, Napi::Object exports);
void register_pool(Napi::Env env, Napi::Object exports);
void register_sketch(Napi::Env env, Napi::Object exports);

}  // namespace flowstate::binding
