// The module's entry point and what belongs to no domain: build facts and the device probe.
#include <algorithm>
#include <string>
#include <thread>

#include "binding/addon_data.h"
#include "binding/device_properties.h"
#include "binding/guard.h"
#include "binding/napi_setup.h"
#include "flowstate/device/probe.h"
#include "flowstate/memory/buffer.h"

namespace flowstate::binding {

namespace {

int hardware_threads() { return std::max(1, static_cast<int>(std::thread::hardware_concurrency())); }

std::string compiler_name() {
#if defined(__clang__)
  return "clang " __clang_version__;
#elif defined(__GNUC__)
  return "g++ " __VERSION__;
#else
  return "unknown";
#endif
}

std::string cuda_version(int encoded) {
  return std::to_string(encoded / 1000) + "." + std::to_string(encoded % 1000 / 10);
}

// buildInfo(): { version, compiler, cuda, napi, threads }
Napi::Value build_info(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const device::Probe probe = device::probe();
  Napi::Object result = Napi::Object::New(env);
  result.Set("version", FS_VERSION);
  result.Set("compiler", compiler_name());
  result.Set("cuda", probe.built_with_cuda
                         ? Napi::Value(Napi::String::New(env, cuda_version(probe.runtime_version)))
                         : Napi::Value(env.Null()));
  result.Set("napi", NAPI_VERSION);
  result.Set("threads", hardware_threads());
  return result;
}

// probeDevice(): { builtWithCuda, runtimeVersion, driverVersion, devices, reason }
Napi::Value probe_device(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const device::Probe probe = device::probe();
  Napi::Array devices = Napi::Array::New(env);
  for (const device::DeviceProperties& properties : probe.devices) {
    devices.Set(devices.Length(), to_js(env, properties));
  }
  const auto version = [env](int encoded) {
    return encoded == 0 ? Napi::Value(env.Null())
                        : Napi::Value(Napi::String::New(env, cuda_version(encoded)));
  };
  Napi::Object result = Napi::Object::New(env);
  result.Set("builtWithCuda", probe.built_with_cuda);
  result.Set("runtimeVersion", version(probe.runtime_version));
  result.Set("driverVersion", version(probe.driver_version));
  result.Set("devices", devices);
  result.Set("reason", probe.reason.empty() ? Napi::Value(env.Null())
                                            : Napi::Value(Napi::String::New(env, probe.reason)));
  return result;
}

// bufferStats(): { cachedBytes, liveBytes, hits, misses, books }
Napi::Value buffer_stats(const Napi::CallbackInfo& info) {
  const BufferCacheStats stats = buffer_cache_stats();
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("cachedBytes", static_cast<double>(stats.cached_bytes));
  result.Set("liveBytes", static_cast<double>(stats.live_bytes));
  result.Set("hits", static_cast<double>(stats.hits));
  result.Set("misses", static_cast<double>(stats.misses));
  result.Set("books", static_cast<double>(data_of(info.Env()).live_books->load()));
  return result;
}

// trimBuffers(): void
Napi::Value trim_buffers(const Napi::CallbackInfo& info) {
  trim_buffer_cache();
  return info.Env().Undefined();
}

}  // namespace

ThreadPool& AddonData::pool() {
  if (!threads) threads = std::make_unique<ThreadPool>(hardware_threads());
  return *threads;
}

AddonData& data_of(Napi::Env env) { return *env.GetInstanceData<AddonData>(); }

Napi::Object init(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new AddonData(env));
  exports.Set("buildInfo", Napi::Function::New(env, build_info, "buildInfo"));
  exports.Set("probeDevice", Napi::Function::New(env, probe_device, "probeDevice"));
  exports.Set("bufferStats", Napi::Function::New(env, buffer_stats, "bufferStats"));
  exports.Set("trimBuffers", Napi::Function::New(env, trim_buffers, "trimBuffers"));
  register_join(env, exports);
  register_stream(env, exports);
  register_io(env, exports);
  register_device(env, exports);
  register_matrix(env, exports);
  register_pinned(env, exports);
  register_reader(env, exports);
  register_table_join(env, exports);
  register_tfjs(env, exports);
  register_onnx(env, exports);
  register_book_sim(env, exports);
  register_book(env, exports);
  register_book_replay(env, exports);
  register_pool(env, exports);
  register_sketch(env, exports);
  return exports;
}

}  // namespace flowstate::binding

static Napi::Object fs_init(Napi::Env env, Napi::Object exports) {
  return flowstate::binding::init(env, exports);
}

NODE_API_MODULE(flowstate, fs_init)
