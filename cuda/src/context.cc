#include "context.h"

namespace flowstate::cuda {

bool is_lost(cudaError_t status) noexcept {
  switch (status) {
    case cudaErrorECCUncorrectable:
    case cudaErrorNvlinkUncorrectable:
    case cudaErrorDeviceUninitialized:
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchTimeout:
    case cudaErrorContextIsDestroyed:
    case cudaErrorAssert:
    case cudaErrorHardwareStackError:
    case cudaErrorIllegalInstruction:
    case cudaErrorMisalignedAddress:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorLaunchFailure:
    case cudaErrorMpsRpcFailure:
    case cudaErrorMpsClientTerminated:
    case cudaErrorExternalDevice:
    case cudaErrorUnknown:
#if CUDART_VERSION >= 13000
    case cudaErrorTensorMemoryLeak:
    case cudaErrorContained:
#endif
      return true;
    default:
      return false;
  }
}

Context::Context(int ordinal) : ordinal_(ordinal), id_("cuda:" + std::to_string(ordinal)) {}

void Context::enter() {
  if (lost()) [[unlikely]]
    raise_lost();
  FS_CUDA_TRY(*this, cudaSetDevice, ordinal_);
}

void Context::enter_quietly() noexcept { FS_CUDA_NOTE(*this, cudaSetDevice, ordinal_); }

void Context::check_allocation(cudaError_t status, const char* call, std::size_t bytes) {
  if (status != cudaErrorMemoryAllocation) return check(status, call);
  (void)cudaGetLastError();
  throw Error(
      ErrorCode::OUT_OF_MEMORY,
      id_ + ": " + call + " of " + std::to_string(bytes) + " bytes failed: " + cudaGetErrorString(status),
      {{"bytes", static_cast<std::int64_t>(bytes)}, {"cudaError", status}});
}

void Context::note(cudaError_t status, const char* call) noexcept {
  if (status == cudaSuccess || status == cudaErrorCudartUnloading) return;
  (void)cudaGetLastError();
  if (is_lost(status)) return mark_lost(status);
  // After a loss everything fails; only what failed on its own is worth telling.
  if (lost()) return;
  cudaError_t none = cudaSuccess;
  if (noted_.compare_exchange_strong(none, status)) noted_call_.store(call);
}

void Context::report_noted() {
  const cudaError_t status = noted_.exchange(cudaSuccess);
  if (status == cudaSuccess) return;
  const char* call = noted_call_.load();
  throw Error(ErrorCode::CUDA, describe(status, call == nullptr ? "a release" : call) + ", noticed earlier",
              {{"cudaError", status}});
}

void Context::raise(cudaError_t status, const char* call) {
  (void)cudaGetLastError();
  if (is_lost(status)) {
    mark_lost(status);
    throw Error(ErrorCode::DEVICE_LOST, describe(status, call) + "; the device is lost",
                {{"cudaError", status}});
  }
  const ErrorCode code = status == cudaErrorMemoryAllocation ? ErrorCode::OUT_OF_MEMORY : ErrorCode::CUDA;
  throw Error(code, describe(status, call), {{"cudaError", status}});
}

void Context::raise_lost() const {
  const cudaError_t status = lost_.load();
  throw Error(ErrorCode::DEVICE_LOST, id_ + " was lost earlier: " + cudaGetErrorName(status),
              {{"cudaError", status}});
}

void Context::mark_lost(cudaError_t status) noexcept {
  cudaError_t none = cudaSuccess;
  lost_.compare_exchange_strong(none, status, std::memory_order_acq_rel);
}

std::string Context::describe(cudaError_t status, const char* call) const {
  return id_ + ": " + call + " failed: " + cudaGetErrorName(status) + " (" + cudaGetErrorString(status) + ")";
}

}  // namespace flowstate::cuda
