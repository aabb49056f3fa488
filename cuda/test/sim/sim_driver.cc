// A libcuda.so.1 with the two calls of the driver that cudart does not have. Its event of a context waits where the real
// one would be waited for: what is recorded is complete.
#include "sim_driver.h"

#include <cuda_runtime_api.h>

#include <atomic>

namespace {

std::atomic<bool> is_refusing{false};
std::atomic<std::uint64_t> recorded{0};
int the_context = 0;

constexpr int kCaptureUnsupported = 900;

}  // namespace

namespace sim {

void refuse_context_events(bool refuses) { is_refusing = refuses; }
std::uint64_t context_events() { return recorded; }

}  // namespace sim

extern "C" {

int cuCtxGetCurrent(void** context);
int cuCtxRecordEvent(void* context, cudaEvent_t event);

int cuCtxGetCurrent(void** context) {
  *context = &the_context;
  return 0;
}

int cuCtxRecordEvent(void* context, cudaEvent_t event) {
  if (is_refusing) return kCaptureUnsupported;
  if (context != &the_context || event == nullptr) return 1;
  ++recorded;
  return cudaDeviceSynchronize() == cudaSuccess ? 0 : 1;
}

}  // extern "C"
