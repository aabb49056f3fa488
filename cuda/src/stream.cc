#include "stream.h"

#include <algorithm>
#include <string>
#include <utility>

#include "flowstate/cuda/launch.h"
#include "host_work.h"

namespace flowstate::cuda {

void StreamHealth::break_at(std::uint64_t work, Error error) noexcept {
  const std::lock_guard lock(mutex_);
  if (error_.has_value()) return;
  broken_at_ = work;
  error_.emplace(std::move(error));
}

void StreamHealth::check(std::uint64_t work) const {
  const std::lock_guard lock(mutex_);
  if (error_.has_value() && broken_at_ <= work) throw Error(*error_);
}

bool StreamHealth::is_broken() const noexcept {
  const std::lock_guard lock(mutex_);
  return error_.has_value();
}

CudaStream& cuda_stream(device::Stream& stream, const Context& context) {
  auto* mine = dynamic_cast<CudaStream*>(&stream);
  if (mine == nullptr || mine->context().ordinal() != context.ordinal()) {
    throw Error(ErrorCode::ARG_RANGE, "expected a stream of " + context.id() + ", got one of another device");
  }
  return *mine;
}

CudaStream::CudaStream(std::shared_ptr<device::Device> device, std::shared_ptr<Context> context)
    : device_(std::move(device)), context_(std::move(context)) {
  context_->enter();
  // Non-blocking: the legacy default stream, which other libraries use, orders nothing here.
  FS_CUDA_TRY(*context_, cudaStreamCreateWithFlags, &handle_, cudaStreamNonBlocking);
}

CudaStream::~CudaStream() {
  context_->enter_quietly();
  FS_CUDA_NOTE(*context_, cudaStreamSynchronize, handle_);
  FS_CUDA_NOTE(*context_, cudaStreamDestroy, handle_);
  drop_host_work(this);
}

void CudaStream::copy(void* target, const void* source, std::size_t bytes, cudaMemcpyKind kind) {
  context_->enter();
  if (bytes == 0) return;
  if (target == nullptr || source == nullptr) {
    throw Error(ErrorCode::ARG_RANGE, "a copy of " + std::to_string(bytes) + " bytes from or to null");
  }
  FS_CUDA_TRY(*context_, cudaMemcpyAsync, target, source, bytes, kind, handle_);
  ++given_;
}

void CudaStream::copy_to_device(void* target, const void* source, std::size_t bytes) {
  copy(target, source, bytes, cudaMemcpyHostToDevice);
}

void CudaStream::copy_to_host(void* target, const void* source, std::size_t bytes) {
  copy(target, source, bytes, cudaMemcpyDeviceToHost);
}

void CudaStream::copy_on_device(void* target, const void* source, std::size_t bytes) {
  copy(target, source, bytes, cudaMemcpyDeviceToDevice);
}

void CudaStream::fill(void* target, std::uint8_t value, std::size_t bytes) {
  context_->enter();
  if (bytes == 0) return;
  if (target == nullptr) {
    throw Error(ErrorCode::ARG_RANGE, "a fill of " + std::to_string(bytes) + " bytes at null");
  }
  FS_CUDA_TRY(*context_, cudaMemsetAsync, target, value, bytes, handle_);
  ++given_;
}

void CudaStream::affine_f32(float* target, const float* source, std::size_t count, float scale,
                            float offset) {
  context_->enter();
  if (count == 0) return;
  const auto misaligned = [](const float* pointer) {
    return reinterpret_cast<std::uintptr_t>(pointer) % alignof(float) != 0;
  };
  if (target == nullptr || source == nullptr || misaligned(target) || misaligned(source)) {
    throw Error(ErrorCode::ARG_RANGE, "affine_f32 expects 4-byte aligned device memory");
  }
  for_each(count, functors::AffineElement{target, source, {scale, offset}});
}

void CudaStream::for_each(std::size_t count, const functors::Element& element) {
  context_->enter();
  if (count == 0) return;
  context_->check(cuda::for_each(count, element, handle_), "for_each_kernel");
  ++given_;
}

void CudaStream::run_tiles(std::size_t count, const functors::Tile& tile) {
  context_->enter();
  if (count == 0) return;
  context_->check(cuda::run_tiles(count, tile, handle_), "tile_kernel");
  ++given_;
}

template <typename Work>
void CudaStream::with_scratch(const char* name, const Work& work) {
  context_->enter();
  Scratch scratch;
  context_->check(work(scratch), name);
  // Null would be taken for the question how much is needed.
  const std::size_t bytes = std::max<std::size_t>(scratch.bytes, 1);
  scratch.memory = device_->allocate_ordered(bytes, *this);
  const cudaError_t status = work(scratch);
  device_->free_ordered(scratch.memory, *this);
  context_->check(status, name);
  ++given_;
}

void CudaStream::sort_pairs(const device::SortPairs& sort) {
  if (sort.count == 0) return;
  with_scratch("cub::DeviceRadixSort::SortPairs", [&](Scratch& scratch) {
    if (sort.key_bytes == 4) {
      return cuda::sort_pairs(scratch, static_cast<const std::int32_t*>(sort.keys_in),
                              static_cast<std::int32_t*>(sort.keys_out), sort.values_in, sort.values_out,
                              sort.count, sort.key_bits, handle_);
    }
    return cuda::sort_pairs(scratch, static_cast<const std::int64_t*>(sort.keys_in),
                            static_cast<std::int64_t*>(sort.keys_out), sort.values_in, sort.values_out,
                            sort.count, handle_);
  });
}

void CudaStream::exclusive_sum(std::int64_t* out, const std::int64_t* in, std::size_t count) {
  if (count == 0) return;
  with_scratch("cub::DeviceScan::ExclusiveSum",
               [&](Scratch& scratch) { return cuda::exclusive_sum(scratch, in, out, count, handle_); });
}

void CudaStream::run_on_host(std::function<void()> work) {
  context_->enter();
  if (!work) throw Error(ErrorCode::ARG_RANGE, "run_on_host expects a function");
  run_checked(std::move(work));
}

void CudaStream::run_checked(std::function<void()> work) {
  const std::uint64_t number = given_ + 1;
  auto guarded = [health = health_, number, work = std::move(work)] {
    if (health->is_broken()) return;
    try {
      work();
    } catch (const Error& error) {
      health->break_at(number, error);
    } catch (const std::exception& error) {
      health->break_at(number,
                       Error(ErrorCode::INTERNAL, std::string("a host function threw: ") + error.what()));
    }
  };
  context_->check(launch_host_work(handle_, this, std::move(guarded)), "cudaLaunchHostFunc");
  given_ = number;
}

CudaEvent& CudaStream::own(device::Event& event) const {
  auto* mine = dynamic_cast<CudaEvent*>(&event);
  if (mine == nullptr || mine->context().ordinal() != context_->ordinal()) {
    throw Error(ErrorCode::ARG_RANGE,
                "expected an event of " + context_->id() + ", got one of another device");
  }
  return *mine;
}

void CudaStream::record(device::Event& event) {
  CudaEvent& mine = own(event);
  context_->enter();
  FS_CUDA_TRY(*context_, cudaEventRecord, mine.handle(), handle_);
  mine.recorded(health_, given_);
}

void CudaStream::wait(device::Event& event) {
  CudaEvent& mine = own(event);
  context_->enter();
  FS_CUDA_TRY(*context_, cudaStreamWaitEvent, handle_, mine.handle(), 0);
  // What failed before the event is this stream's failure too: the work after it would read what was never written.
  if (mine.health() == nullptr || mine.health() == health_ || !mine.health()->is_fallible()) return;
  health_->expect_failures();
  run_checked([health = mine.health(), work = mine.work()] { health->check(work); });
}

bool CudaStream::is_idle() {
  context_->enter();
  const cudaError_t status = cudaStreamQuery(handle_);
  if (status == cudaErrorNotReady) {
    (void)cudaGetLastError();
    return false;
  }
  context_->check(status, "cudaStreamQuery");
  health_->check(given_);
  return true;
}

void CudaStream::synchronize() {
  context_->enter();
  FS_CUDA_TRY(*context_, cudaStreamSynchronize, handle_);
  health_->check(given_);
}

}  // namespace flowstate::cuda
