#include "context_event.h"

#include <cuda_runtime_api.h>
#include <dlfcn.h>

namespace flowstate::cuda {

namespace {

// The driver's own types: a handle each, and 0 for success.
using CuContext = void*;
using GetCurrent = int (*)(CuContext*);
using RecordEvent = int (*)(CuContext, cudaEvent_t);

// The driver that cudart has loaded; these two calls are not in cudart.
struct Driver {
  Driver() {
    void* const library = ::dlopen("libcuda.so.1", RTLD_LAZY | RTLD_NOLOAD);
    if (library == nullptr) return;
    get_current = reinterpret_cast<GetCurrent>(::dlsym(library, "cuCtxGetCurrent"));
    record_event = reinterpret_cast<RecordEvent>(::dlsym(library, "cuCtxRecordEvent"));
  }
  GetCurrent get_current = nullptr;
  RecordEvent record_event = nullptr;
};

}  // namespace

bool wait_for_context(Context& context) {
  static const Driver driver;
  CuContext current = nullptr;
  if (driver.record_event == nullptr || driver.get_current == nullptr || driver.get_current(&current) != 0) {
    return false;
  }
  cudaEvent_t event = nullptr;
  FS_CUDA_TRY(context, cudaEventCreateWithFlags, &event, cudaEventDisableTiming);
  const bool is_recorded = driver.record_event(current, event) == 0;
  const cudaError_t status = is_recorded ? cudaEventSynchronize(event) : cudaSuccess;
  FS_CUDA_NOTE(context, cudaEventDestroy, event);
  context.check(status, "cudaEventSynchronize");
  return is_recorded;
}

}  // namespace flowstate::cuda
