// The calls of the simulated runtime; see sim_cudart.h.
#include "sim_cudart.h"

#include <cstdlib>
#include <cstring>

#include "sim_state.h"

namespace {

using sim::state;

thread_local cudaError_t last_error = cudaSuccess;

cudaError_t fail(cudaError_t status) {
  last_error = status;
  return status;
}

bool loses(cudaError_t status) {
  return status == cudaErrorIllegalAddress || status == cudaErrorLaunchFailure ||
         status == cudaErrorECCUncorrectable;
}

// A name, "create" for streams and events, "cudaMalloc*" for device memory of both kinds, or nothing for every call.
bool matches(const std::string& planned, const std::string& call) {
  if (planned.empty()) return true;
  if (planned == "create") return call == "cudaStreamCreateWithFlags" || call == "cudaEventCreateWithFlags";
  if (planned == "cudaMalloc*") return call == "cudaMalloc" || call == "cudaMallocFromPoolAsync";
  return planned == call;
}

// Before every call that can fail: planned failures, then the error that stays.
cudaError_t enter(const char* call) {
  sim::State& all = state();
  const std::lock_guard lock(all.mutex);
  if (sim::in_host_function()) {
    ++all.violations;
    return cudaErrorNotPermitted;
  }
  ++all.calls;
  if (all.sticky != cudaSuccess) return all.sticky;
  const bool counts = matches(all.calls_plan.call, call);
  const cudaError_t planned = counts ? all.calls_plan.next() : cudaSuccess;
  if (loses(planned)) all.sticky = planned;
  return planned;
}

}  // namespace

cudaError_t sim::begin_launch() {
  const cudaError_t refused = enter("launch");
  return refused == cudaSuccess ? refused : fail(refused);
}

namespace {

#define SIM_ENTER() \
  if (const cudaError_t refused = enter(__func__); refused != cudaSuccess) return fail(refused)

sim::Stream* stream_of(cudaStream_t stream) { return reinterpret_cast<sim::Stream*>(stream); }
sim::Event* event_of(cudaEvent_t event) { return reinterpret_cast<sim::Event*>(event); }

cudaError_t take_block(void** data, std::size_t bytes) {
  sim::State& all = state();
  const std::lock_guard lock(all.mutex);
  if (bytes > all.config.memory_bytes - all.used_bytes) return fail(cudaErrorMemoryAllocation);
  const std::size_t shift = ++all.taken % 2 == 0 ? 512 : 0;
  void* base = std::aligned_alloc(4096, (bytes + shift + 4095) / 4096 * 4096);
  if (base == nullptr) return fail(cudaErrorMemoryAllocation);
  *data = static_cast<char*>(base) + shift;
  all.device.emplace(reinterpret_cast<std::uintptr_t>(*data), sim::Range{bytes, base});
  all.used_bytes += bytes;
  return cudaSuccess;
}

cudaError_t give_block(void* data) {
  sim::State& all = state();
  const std::lock_guard lock(all.mutex);
  const auto found = all.device.find(reinterpret_cast<std::uintptr_t>(data));
  if (found == all.device.end()) {
    ++all.violations;
    return fail(cudaErrorInvalidValue);
  }
  all.used_bytes -= found->second.bytes;
  std::free(found->second.base);
  all.device.erase(found);
  return cudaSuccess;
}

bool is_pinned(const void* data, std::size_t bytes) {
  sim::State& all = state();
  const std::lock_guard lock(all.mutex);
  return find_range(all.pinned, data, bytes) != all.pinned.end() ||
         find_range(all.registered, data, bytes) != all.registered.end();
}

// Whether a piece of work may run; loses the device where it may not.
bool may_run(const void* device_a, const void* device_b, std::size_t bytes) {
  cudaError_t planned;
  {
    const std::lock_guard lock(state().mutex);
    planned = state().work_plan.next();
  }
  if (planned == cudaSuccess && ((device_a != nullptr && !sim::is_device_memory(device_a, bytes)) ||
                                 (device_b != nullptr && !sim::is_device_memory(device_b, bytes)))) {
    planned = cudaErrorIllegalAddress;
  }
  if (planned != cudaSuccess) sim::lose(planned);
  return planned == cudaSuccess;
}

cudaError_t sticky() {
  const std::lock_guard lock(state().mutex);
  return state().sticky;
}

void drain_all() {
  std::set<sim::Stream*> streams;
  {
    const std::lock_guard lock(state().mutex);
    streams = state().streams;
  }
  for (sim::Stream* stream : streams) stream->drain();
}

// A lost device runs nothing any more; here, a piece of work that had begun may still be at it.
void stop_lost_work() {
  if (sticky() != cudaSuccess) drain_all();
}

}  // namespace

extern "C" {

cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = state().config.runtime_version;
  return cudaSuccess;
}

cudaError_t cudaDriverGetVersion(int* version) {
  *version = state().config.driver_version;
  return cudaSuccess;
}

cudaError_t cudaGetDeviceCount(int* count) {
  *count = state().config.devices;
  if (state().config.count_status == cudaSuccess) return cudaSuccess;
  *count = -1;
  return fail(state().config.count_status);
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  std::memset(properties, 0, sizeof(*properties));
  std::strcpy(properties->name, "simulated device");
  properties->totalGlobalMem = state().config.memory_bytes;
  properties->major = 9;
  properties->multiProcessorCount = 4;
  properties->asyncEngineCount = 2;
  properties->pciBusID = 0x1b + device;
  properties->unifiedAddressing = 1;
  properties->memoryPoolsSupported = state().config.memory_pools ? 1 : 0;
  return cudaSuccess;
}

const char* cudaGetErrorName(cudaError_t status) {
  switch (status) {
    case cudaErrorMemoryAllocation:
      return "cudaErrorMemoryAllocation";
    case cudaErrorIllegalAddress:
      return "cudaErrorIllegalAddress";
    default:
      return "cudaErrorOther";
  }
}

const char* cudaGetErrorString(cudaError_t) { return "simulated"; }

cudaError_t cudaGetLastError() {
  if (const cudaError_t lost = sticky(); lost != cudaSuccess) return lost;
  const cudaError_t status = last_error;
  last_error = cudaSuccess;
  return status;
}

cudaError_t cudaPeekAtLastError() { return last_error; }

cudaError_t cudaSetDevice(int) {
  SIM_ENTER();
  return cudaSuccess;
}

cudaError_t cudaDeviceSynchronize() {
  SIM_ENTER();
  drain_all();
  return fail(sticky());
}

cudaError_t cudaMemGetInfo(std::size_t* free_bytes, std::size_t* total_bytes) {
  SIM_ENTER();
  const std::lock_guard lock(state().mutex);
  *total_bytes = state().config.memory_bytes;
  *free_bytes = *total_bytes - state().used_bytes;
  return cudaSuccess;
}

cudaError_t cudaMalloc(void** data, std::size_t bytes) {
  SIM_ENTER();
  return take_block(data, bytes);
}

// Releases happen even where they are told to fail: a context that cannot free takes its memory with it.
cudaError_t cudaFree(void* data) {
  const cudaError_t status = enter(__func__);
  stop_lost_work();
  const cudaError_t given = give_block(data);
  return fail(status == cudaSuccess ? given : status);
}

cudaError_t cudaMemPoolCreate(cudaMemPool_t* pool, const cudaMemPoolProps*) {
  SIM_ENTER();
  const std::lock_guard lock(state().mutex);
  ++state().pools;
  *pool = reinterpret_cast<cudaMemPool_t>(&state());
  return cudaSuccess;
}

cudaError_t cudaMemPoolDestroy(cudaMemPool_t) {
  const cudaError_t status = enter(__func__);
  const std::lock_guard lock(state().mutex);
  --state().pools;
  return fail(status);
}

cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t, cudaMemPoolAttr, void*) {
  SIM_ENTER();
  return cudaSuccess;
}

cudaError_t cudaMemPoolGetAttribute(cudaMemPool_t, cudaMemPoolAttr, void* value) {
  SIM_ENTER();
  *static_cast<std::uint64_t*>(value) = 0;
  return cudaSuccess;
}

cudaError_t cudaMemPoolTrimTo(cudaMemPool_t, std::size_t) {
  SIM_ENTER();
  return cudaSuccess;
}

cudaError_t cudaMallocFromPoolAsync(void** data, std::size_t bytes, cudaMemPool_t, cudaStream_t) {
  SIM_ENTER();
  return take_block(data, bytes);
}

cudaError_t cudaFreeAsync(void* data, cudaStream_t stream) {
  const cudaError_t status = enter(__func__);
  stream_of(stream)->push([data] { give_block(data); }, true);
  return fail(status);
}

cudaError_t cudaMallocHost(void** data, std::size_t bytes) {
  SIM_ENTER();
  sim::State& all = state();
  const std::lock_guard lock(all.mutex);
  if (bytes > all.config.memory_bytes) return fail(cudaErrorMemoryAllocation);
  const std::size_t shift = ++all.taken % 2 == 0 ? 512 : 0;
  char* base = static_cast<char*>(std::aligned_alloc(4096, (bytes + shift + 4095) / 4096 * 4096));
  *data = base + shift;
  std::memset(*data, 0xA5, bytes);
  all.pinned.emplace(reinterpret_cast<std::uintptr_t>(*data), sim::Range{bytes, base});
  return cudaSuccess;
}

cudaError_t cudaFreeHost(void* data) {
  const cudaError_t status = enter(__func__);
  stop_lost_work();
  sim::State& all = state();
  const std::lock_guard lock(all.mutex);
  const auto found = all.pinned.find(reinterpret_cast<std::uintptr_t>(data));
  if (found == all.pinned.end()) {
    ++all.violations;
    return fail(cudaErrorInvalidValue);
  }
  std::free(found->second.base);
  all.pinned.erase(found);
  return fail(status);
}

cudaError_t cudaHostRegister(void* data, std::size_t bytes, unsigned) {
  SIM_ENTER();
  sim::State& all = state();
  const std::lock_guard lock(all.mutex);
  const auto begin = reinterpret_cast<std::uintptr_t>(data);
  for (const sim::Ranges* ranges : {&all.pinned, &all.registered}) {
    for (const auto& [address, range] : *ranges) {
      if (address < begin + bytes && begin < address + range.bytes) {
        return fail(cudaErrorHostMemoryAlreadyRegistered);
      }
    }
  }
  all.registered.emplace(begin, sim::Range{bytes, nullptr});
  return cudaSuccess;
}

cudaError_t cudaHostUnregister(void* data) {
  const cudaError_t status = enter(__func__);
  sim::State& all = state();
  const std::lock_guard lock(all.mutex);
  if (all.registered.erase(reinterpret_cast<std::uintptr_t>(data)) == 0) {
    ++all.violations;
    return fail(cudaErrorHostMemoryNotRegistered);
  }
  return fail(status);
}

cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* data) {
  SIM_ENTER();
  std::memset(attributes, 0, sizeof(*attributes));
  attributes->type = is_pinned(data, 1)               ? cudaMemoryTypeHost
                     : sim::is_device_memory(data, 1) ? cudaMemoryTypeDevice
                                                      : cudaMemoryTypeUnregistered;
  return cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  SIM_ENTER();
  auto* made = new sim::Stream;
  const std::lock_guard lock(state().mutex);
  if (flags != cudaStreamNonBlocking) ++state().violations;
  state().streams.insert(made);
  *stream = reinterpret_cast<cudaStream_t>(made);
  return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  const cudaError_t status = enter(__func__);
  {
    const std::lock_guard lock(state().mutex);
    if (state().streams.erase(stream_of(stream)) == 0) ++state().violations;
  }
  delete stream_of(stream);
  return fail(status);
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  SIM_ENTER();
  stream_of(stream)->drain();
  return fail(sticky());
}

cudaError_t cudaStreamQuery(cudaStream_t stream) {
  SIM_ENTER();
  return stream_of(stream)->is_idle() ? fail(sticky()) : fail(cudaErrorNotReady);
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  SIM_ENTER();
  std::shared_ptr<sim::Point> point;
  {
    const std::lock_guard lock(state().mutex);
    point = event_of(event)->point;
  }
  if (point) stream_of(stream)->push([point] { point->await(); });
  return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  SIM_ENTER();
  auto* made = new sim::Event;
  const std::lock_guard lock(state().mutex);
  state().events.insert(made);
  *event = reinterpret_cast<cudaEvent_t>(made);
  return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  const cudaError_t status = enter(__func__);
  const std::lock_guard lock(state().mutex);
  if (state().events.erase(event_of(event)) == 0) ++state().violations;
  delete event_of(event);
  return fail(status);
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  SIM_ENTER();
  auto point = std::make_shared<sim::Point>();
  {
    const std::lock_guard lock(state().mutex);
    event_of(event)->point = point;
  }
  stream_of(stream)->push([point] { point->reach(); }, true);
  return cudaSuccess;
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
  SIM_ENTER();
  std::shared_ptr<sim::Point> point;
  {
    const std::lock_guard lock(state().mutex);
    point = event_of(event)->point;
  }
  return fail(!point || point->is_reached() ? sticky() : cudaErrorNotReady);
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  SIM_ENTER();
  std::shared_ptr<sim::Point> point;
  {
    const std::lock_guard lock(state().mutex);
    point = event_of(event)->point;
  }
  if (point) point->await();
  return fail(sticky());
}

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end) {
  SIM_ENTER();
  const std::lock_guard lock(state().mutex);
  const auto from = event_of(start)->point;
  const auto to = event_of(end)->point;
  if (!from || !to) return fail(cudaErrorInvalidResourceHandle);
  if (!from->is_reached() || !to->is_reached()) return fail(cudaErrorNotReady);
  *milliseconds = static_cast<float>(static_cast<double>(to->at_ns() - from->at_ns()) / 1e6);
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void* target, const void* source, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  SIM_ENTER();
  const void* device_target = kind == cudaMemcpyDeviceToHost ? nullptr : target;
  const void* device_source = kind == cudaMemcpyHostToDevice ? nullptr : source;
  const void* host = kind == cudaMemcpyHostToDevice   ? source
                     : kind == cudaMemcpyDeviceToHost ? static_cast<const void*>(target)
                                                      : nullptr;
  stream_of(stream)->push([=] {
    if (may_run(device_target, device_source, bytes)) std::memmove(target, source, bytes);
  });
  // Pageable memory goes through the runtime's own staging, for which the caller waits.
  if (host != nullptr && !is_pinned(host, bytes)) stream_of(stream)->drain();
  return cudaSuccess;
}

cudaError_t cudaMemsetAsync(void* target, int value, std::size_t bytes, cudaStream_t stream) {
  SIM_ENTER();
  stream_of(stream)->push([=] {
    if (may_run(target, nullptr, bytes)) std::memset(target, value, bytes);
  });
  return cudaSuccess;
}

cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function, void* argument) {
  SIM_ENTER();
  stream_of(stream)->push([=] {
    sim::in_host_function() = true;
    function(argument);
    sim::in_host_function() = false;
  });
  return cudaSuccess;
}

}  // extern "C"
