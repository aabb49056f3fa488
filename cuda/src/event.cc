#include <utility>

#include "stream.h"

namespace flowstate::cuda {

CudaEvent::CudaEvent(std::shared_ptr<device::Device> device, std::shared_ptr<Context> context)
    : device_(std::move(device)), context_(std::move(context)) {
  context_->enter();
  // With timing: elapsed_ms_since() is part of the contract.
  FS_CUDA_TRY(*context_, cudaEventCreateWithFlags, &handle_, cudaEventDefault);
}

CudaEvent::~CudaEvent() {
  context_->enter_quietly();
  FS_CUDA_NOTE(*context_, cudaEventDestroy, handle_);
}

void CudaEvent::recorded(std::shared_ptr<StreamHealth> health, std::uint64_t work) noexcept {
  health_ = std::move(health);
  work_ = work;
}

bool CudaEvent::is_complete() {
  context_->enter();
  const cudaError_t status = cudaEventQuery(handle_);
  if (status == cudaErrorNotReady) {
    (void)cudaGetLastError();
    return false;
  }
  context_->check(status, "cudaEventQuery");
  if (health_ != nullptr) health_->check(work_);
  return true;
}

void CudaEvent::synchronize() {
  context_->enter();
  FS_CUDA_TRY(*context_, cudaEventSynchronize, handle_);
  if (health_ != nullptr) health_->check(work_);
}

double CudaEvent::elapsed_ms_since(Event& start) {
  auto* from = dynamic_cast<CudaEvent*>(&start);
  if (from == nullptr || from->context().ordinal() != context_->ordinal()) {
    throw Error(ErrorCode::ARG_RANGE,
                "expected an event of " + context_->id() + ", got one of another device");
  }
  if (health_ == nullptr || from->health_ == nullptr || !from->is_complete() || !is_complete()) {
    throw Error(ErrorCode::ARG_RANGE, "the time between two events is asked for before both are complete");
  }
  float milliseconds = 0;
  FS_CUDA_TRY(*context_, cudaEventElapsedTime, &milliseconds, from->handle_, handle_);
  return milliseconds;
}

}  // namespace flowstate::cuda
