// libcufile.so.0, loaded on demand: the calls that reading needs, with structures of our own that have the library's
// layout (its header is not needed to build, and the library not to run).
//
// Loading it without a CUDA device is a mistake to be avoided by the caller: the library then prints to the terminal,
// and answers questions about its driver with garbage.
#pragma once

#include <cuda_runtime_api.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <memory>
#include <string>

namespace flowstate::cuda::cufile {

// err: 0, or 5000 + n; cu_err: the driver's result when err is 5011.
struct Status {
  int err;
  int cu_err;
};
static_assert(sizeof(Status) == 8);

struct Descriptor {
  int type;  // 1: file descriptor
  union {
    int fd;
    void* handle;
  } file;
  const void* fs_ops;
};
static_assert(sizeof(Descriptor) == 24 && offsetof(Descriptor, file) == 8 &&
              offsetof(Descriptor, fs_ops) == 16);

struct IoParams {
  int mode;  // 1: batch
  struct {
    void* base;
    off_t file_offset;
    off_t base_offset;
    std::size_t size;
  } batch;
  void* handle;
  int opcode;  // 0: read
  void* cookie;
};
static_assert(sizeof(IoParams) == 64 && offsetof(IoParams, batch) == 8 && offsetof(IoParams, handle) == 40 &&
              offsetof(IoParams, opcode) == 48 && offsetof(IoParams, cookie) == 56);

inline constexpr int kIoComplete = 0x10;
// Waiting and pending are the only states that are not final.
inline constexpr int kIoUnsettled = 0x1 | 0x2;

struct IoEvent {
  void* cookie;
  int status;
  std::size_t bytes;  // a negative error as ssize_t where it failed
};
static_assert(sizeof(IoEvent) == 24 && offsetof(IoEvent, status) == 8 && offsetof(IoEvent, bytes) == 16);

struct DriverProperties {
  struct {
    unsigned major_version;  // of nvidia-fs; 0 where it is not loaded
    unsigned minor_version;
    std::size_t poll_thresh_size;
    std::size_t max_direct_io_kib;
    unsigned status_flags;
    unsigned control_flags;
  } nvfs;
  unsigned feature_flags;
  unsigned max_device_cache_kib;
  unsigned per_buffer_cache_kib;
  unsigned max_pinned_kib;
  unsigned max_batch_ios;
  unsigned max_batch_timeout_ms;
};
static_assert(sizeof(DriverProperties) == 56 && offsetof(DriverProperties, feature_flags) == 32 &&
              offsetof(DriverProperties, max_batch_ios) == 48);

inline constexpr unsigned kFeatureBatch = 1u << 1;
inline constexpr unsigned kFeatureStreams = 1u << 2;
inline constexpr unsigned kFeatureP2p = 1u << 4;  // PCI P2PDMA, without nvidia-fs
inline constexpr int kDriverOpenAlready = 5026;
inline constexpr int kBatchNotInCompatMode = 5049;

// The library with its driver open. Thread-safe.
class Library {
 public:
  // Loads `name` and opens the driver. Null, with the reason, where either fails.
  static std::unique_ptr<Library> load(const char* name, std::string& reason);
  // The process's one, loaded at the first call and never closed: the driver must not be closed while another user of
  // the library (it counts them per process) still reads, nor from static destructors. What failed once fails again.
  static const Library* process(std::string& reason);
  ~Library();
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

  // "cufile" where the driver says that data can go to the device directly: nvidia-fs is loaded or P2PDMA is
  // supported. "cufile compatibility mode" where every read is a pread and a copy inside the library. With a direct
  // driver, cuFile may still choose the compatibility mode for a file system it does not know; it does not tell.
  const char* path_name() const noexcept;
  bool has_batch() const noexcept;
  bool has_streams() const noexcept;
  unsigned max_batch_ios() const noexcept;

  Status (*handle_register)(void** handle, Descriptor* descriptor) = nullptr;
  void (*handle_deregister)(void* handle) = nullptr;
  ssize_t (*read)(void* handle, void* base, std::size_t size, off_t file_offset, off_t base_offset) = nullptr;
  Status (*read_async)(void* handle, void* base, std::size_t* size, off_t* file_offset, off_t* base_offset,
                       ssize_t* done, cudaStream_t stream) = nullptr;
  Status (*batch_set_up)(void** batch, unsigned count) = nullptr;
  Status (*batch_submit)(void* batch, unsigned count, IoParams* params, unsigned flags) = nullptr;
  Status (*batch_status)(void* batch, unsigned min_count, unsigned* count, IoEvent* events,
                         std::timespec* timeout) = nullptr;
  Status (*batch_cancel)(void* batch) = nullptr;
  void (*batch_destroy)(void* batch) = nullptr;

 private:
  Library() = default;
  bool resolve(std::string& reason);

  void* library_ = nullptr;
  Status (*driver_open_)() = nullptr;
  Status (*driver_close_)() = nullptr;
  Status (*driver_properties_)(DriverProperties*) = nullptr;
  bool opened_ = false;
  DriverProperties properties_{};
};

// "5008 (IO not supported)". Takes 5000 + n of either sign.
std::string error_text(std::int64_t code);

}  // namespace flowstate::cuda::cufile
