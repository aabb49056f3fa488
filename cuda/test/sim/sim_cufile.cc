// A libcufile.so.0 on pread and memcpy: right bytes at every alignment, planned failures, batches that settle in
// pieces and out of order, reads in a stream that look at their cells when they run.
#include "sim_cufile.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "../../shim/cufile.h"
#include "sim_cudart.h"

namespace {

using flowstate::cuda::cufile::Descriptor;
using flowstate::cuda::cufile::DriverProperties;
using flowstate::cuda::cufile::IoEvent;
using flowstate::cuda::cufile::IoParams;
using flowstate::cuda::cufile::Status;

constexpr std::size_t kMaxIo = std::size_t{16} << 20;

struct Plan {
  std::string call;
  std::uint64_t nth = 0;
  std::uint64_t times = 0;
  std::uint64_t seen = 0;
  std::int64_t value = 0;
};

struct Library {
  std::mutex mutex;
  bool open = false;
  unsigned nvfs_major = 2;
  unsigned features = 0xF;
  unsigned max_batch = 128;
  Plan plan;
  std::map<std::string, std::uint64_t> calls;
  std::size_t handles = 0;
  std::size_t batches = 0;
} library;

struct Batch {
  unsigned most;
  std::vector<IoEvent> settled;
};

// Counts a call; true with the planned value when it shall fail.
bool strikes(const char* call, std::int64_t& value) {
  const std::lock_guard lock(library.mutex);
  ++library.calls[call];
  Plan& plan = library.plan;
  if (plan.times == 0 || plan.call != call) return false;
  const std::uint64_t number = plan.seen++;
  if (number < plan.nth || number - plan.nth >= plan.times) return false;
  value = plan.value;
  return true;
}

Status status_of(const char* call) {
  std::int64_t value = 0;
  return strikes(call, value) ? Status{static_cast<int>(value), 0} : Status{0, 0};
}

ssize_t read_now(const char* call, void* handle, void* base, std::size_t size, off_t file_offset,
                 off_t base_offset) {
  std::int64_t value = 0;
  if (strikes(call, value)) {
    if (value == -2) {
      errno = EINTR;
      return -1;
    }
    if (value == -1) {
      errno = EIO;
      return -1;
    }
    if (value < 0 || value >= 5000) return static_cast<ssize_t>(value < 0 ? value : -value);
    size = std::min(size, static_cast<std::size_t>(value));
  }
  if (size > kMaxIo) return -5022;
  char* target = static_cast<char*>(base) + base_offset;
  if (!sim::is_device_memory(target, size)) return -5022;
  return ::pread(static_cast<int>(reinterpret_cast<std::intptr_t>(handle)), target, size, file_offset);
}

}  // namespace

extern "C" {

void fs_sim_cufile_configure(unsigned nvfs_major, unsigned features, unsigned max_batch) {
  const std::lock_guard lock(library.mutex);
  library.nvfs_major = nvfs_major;
  library.features = features;
  library.max_batch = max_batch;
}

void fs_sim_cufile_arm(const char* call, std::uint64_t nth, std::uint64_t times, std::int64_t value) {
  const std::lock_guard lock(library.mutex);
  library.plan = {call, nth, times, 0, value};
}

void fs_sim_cufile_disarm() {
  const std::lock_guard lock(library.mutex);
  library.plan = {};
  library.calls.clear();
}

std::size_t fs_sim_cufile_handles() {
  const std::lock_guard lock(library.mutex);
  return library.handles;
}

std::size_t fs_sim_cufile_batches() {
  const std::lock_guard lock(library.mutex);
  return library.batches;
}

std::uint64_t fs_sim_cufile_calls(const char* call) {
  const std::lock_guard lock(library.mutex);
  return library.calls[call];
}

Status cuFileDriverOpen() {
  const Status status = status_of("cuFileDriverOpen");
  if (status.err != 0) return status;
  const std::lock_guard lock(library.mutex);
  if (library.open) return {5026, 0};
  library.open = true;
  return {0, 0};
}

Status cuFileDriverClose_v2() {
  const std::lock_guard lock(library.mutex);
  library.open = false;
  return {0, 0};
}

// As the real one: success and garbage when the driver is not open.
Status cuFileDriverGetProperties(DriverProperties* properties) {
  const std::lock_guard lock(library.mutex);
  *properties = {};
  properties->nvfs.major_version = library.open ? library.nvfs_major : 0xDEAD;
  properties->nvfs.max_direct_io_kib = kMaxIo >> 10;
  properties->feature_flags = library.features;
  properties->max_batch_ios = library.max_batch;
  return {0, 0};
}

Status cuFileHandleRegister(void** handle, Descriptor* descriptor) {
  const Status status = status_of("cuFileHandleRegister");
  if (status.err != 0) return status;
  if (descriptor->type != 1) return {5022, 0};
  if ((::fcntl(descriptor->file.fd, F_GETFL) & O_DIRECT) == 0) return {5020, 0};
  // Read through a descriptor of its own, without O_DIRECT: the bounce buffers of the real library are not the point.
  const std::string path = "/proc/self/fd/" + std::to_string(descriptor->file.fd);
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {5022, 0};
  *handle = reinterpret_cast<void*>(static_cast<std::intptr_t>(fd));
  const std::lock_guard lock(library.mutex);
  ++library.handles;
  return {0, 0};
}

void cuFileHandleDeregister(void* handle) {
  ::close(static_cast<int>(reinterpret_cast<std::intptr_t>(handle)));
  const std::lock_guard lock(library.mutex);
  --library.handles;
}

ssize_t cuFileRead(void* handle, void* base, std::size_t size, off_t file_offset, off_t base_offset) {
  return read_now("cuFileRead", handle, base, size, file_offset, base_offset);
}

Status cuFileReadAsync(void* handle, void* base, std::size_t* size, off_t* file_offset, off_t* base_offset,
                       ssize_t* done, cudaStream_t stream) {
  const Status status = status_of("cuFileReadAsync");
  if (status.err != 0) return status;
  sim::enqueue(stream,
               [=] { *done = read_now("ReadAsync runs", handle, base, *size, *file_offset, *base_offset); });
  return {0, 0};
}

Status cuFileBatchIOSetUp(void** batch, unsigned count) {
  const Status status = status_of("cuFileBatchIOSetUp");
  if (status.err != 0) return status;
  const std::lock_guard lock(library.mutex);
  if (count > library.max_batch) return {5022, 0};
  *batch = new Batch{count, {}};
  ++library.batches;
  return {0, 0};
}

Status cuFileBatchIOSubmit(void* handle, unsigned count, IoParams* params, unsigned) {
  const Status status = status_of("cuFileBatchIOSubmit");
  if (status.err != 0) return status;
  auto* batch = static_cast<Batch*>(handle);
  if (count > batch->most) return {5022, 0};
  for (unsigned i = count; i-- > 0;) {
    const IoParams& io = params[i];
    const ssize_t got = read_now("batch entry", io.handle, io.batch.base, io.batch.size, io.batch.file_offset,
                                 io.batch.base_offset);
    batch->settled.push_back({io.cookie, got < 0 ? 0x40 : 0x10, static_cast<std::size_t>(got)});
  }
  return {0, 0};
}

Status cuFileBatchIOGetStatus(void* handle, unsigned, unsigned* count, IoEvent* events, std::timespec*) {
  const Status status = status_of("cuFileBatchIOGetStatus");
  if (status.err != 0) return status;
  auto* batch = static_cast<Batch*>(handle);
  // Three at a time, so that the caller has to come back.
  const unsigned most = std::min({*count, 3u, static_cast<unsigned>(batch->settled.size())});
  for (unsigned i = 0; i < most; ++i) {
    events[i] = batch->settled.back();
    batch->settled.pop_back();
  }
  *count = most;
  return {0, 0};
}

Status cuFileBatchIOCancel(void*) { return {0, 0}; }

void cuFileBatchIODestroy(void* handle) {
  delete static_cast<Batch*>(handle);
  const std::lock_guard lock(library.mutex);
  --library.batches;
}

}  // extern "C"
