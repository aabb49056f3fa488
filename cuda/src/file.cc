#include "file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include "../shim/cufile.h"
#include "stream.h"

namespace flowstate::cuda {

namespace {

// The library's own limit for one direct read (max_direct_io_size_kb, 16 MiB by default); larger ones it would cut
// itself, but batches and stream reads refuse them.
constexpr std::size_t kMaxIoBytes = std::size_t{16} << 20;

[[noreturn]] void throw_errno(const char* call, const std::string& path, int code) {
  throw Error(ErrorCode::IO, std::string("cannot ") + call + " " + path + ": " + std::strerror(code),
              {{"errno", code}});
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  int get() const noexcept { return fd_; }

 private:
  int fd_;
};

class Handle {
 public:
  Handle(const cufile::Library& library, int fd) : library_(library) {
    cufile::Descriptor descriptor;
    std::memset(&descriptor, 0, sizeof(descriptor));
    descriptor.type = 1;
    descriptor.file.fd = fd;
    status_ = library_.handle_register(&handle_, &descriptor);
  }
  ~Handle() {
    if (status_.err == 0) library_.handle_deregister(handle_);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  void* get() const noexcept { return handle_; }
  cufile::Status status() const noexcept { return status_; }

 private:
  const cufile::Library& library_;
  void* handle_ = nullptr;
  cufile::Status status_{};
};

// What both the file and reads still in a stream need. Reads in a stream keep it.
struct Open {
  Open(const cufile::Library& from, Descriptor opened, std::string name)
      : library(from), path(std::move(name)), descriptor(std::move(opened)), handle(from, descriptor.get()) {}
  const cufile::Library& library;
  std::string path;
  Descriptor descriptor;
  Handle handle;  // after the descriptor: deregistered before that is closed

  std::uint64_t size() const {
    struct stat info {};
    if (::fstat(descriptor.get(), &info) != 0) throw_errno("stat", path, errno);
    return static_cast<std::uint64_t>(info.st_size);
  }
  [[noreturn]] void fail(const char* call, std::int64_t code) const {
    throw Error(ErrorCode::IO, std::string(call) + " of " + path + " failed: " + cufile::error_text(code),
                {{"cufileError", code < 0 ? -code : code}});
  }
  // One call's result: bytes, or the error thrown. EINTR is -1 with errno, and the caller's to repeat.
  std::size_t bytes_of(ssize_t result, const char* call, int error) const {
    if (result >= 0) return static_cast<std::size_t>(result);
    if (result == -1) throw_errno("read", path, error);
    fail(call, result);
  }
};

// A read in a stream: the library reads these cells when it runs, not when it is called.
struct AsyncPart {
  std::size_t bytes;
  off_t file_offset;
  off_t base_offset;
  ssize_t done;
};
struct AsyncRead {
  std::shared_ptr<Open> open;
  std::vector<AsyncPart> parts;
  std::int64_t* done;

  // Runs in the stream behind the parts.
  void settle() const {
    std::int64_t total = 0;
    try {
      for (const AsyncPart& part : parts) {
        const std::size_t bytes = open->bytes_of(part.done, "cuFileReadAsync", EIO);
        total += static_cast<std::int64_t>(bytes);
        // A later part that brought bytes behind a short one would leave a hole.
        if (bytes < part.bytes) break;
      }
    } catch (...) {
      *done = -1;
      throw;
    }
    *done = total;
  }
};

class CuFile final : public device::DirectFile {
 public:
  CuFile(std::shared_ptr<device::Device> device, std::shared_ptr<Context> context, std::shared_ptr<Open> open)
      : device_(std::move(device)), context_(std::move(context)), open_(std::move(open)) {}

  const char* path_taken() const noexcept override { return open_->library.path_name(); }

  std::size_t read(void* base, std::size_t base_offset, std::uint64_t offset, std::size_t bytes) override {
    context_->enter();
    check_range(base, base_offset, offset, bytes);
    std::size_t done = 0;
    while (done < bytes) {
      // Asked before each call: what cuFile answers behind the end of a file differs between its versions.
      if (offset + done >= open_->size()) break;
      const std::size_t part = std::min(bytes - done, kMaxIoBytes);
      errno = 0;
      const ssize_t result =
          open_->library.read(open_->handle.get(), base, part, static_cast<off_t>(offset + done),
                              static_cast<off_t>(base_offset + done));
      const int error = errno;
      if (result == -1 && error == EINTR) continue;
      if (result == 0) break;
      done += open_->bytes_of(result, "cuFileRead", error);
    }
    return done;
  }

  void read_async(void* base, std::size_t base_offset, std::uint64_t offset, std::size_t bytes,
                  std::int64_t* done, device::Stream& stream) override {
    CudaStream& mine = cuda_stream(stream, *context_);
    context_->enter();
    check_range(base, base_offset, offset, bytes);
    if (done == nullptr) throw Error(ErrorCode::ARG_RANGE, "read_async expects a place for its result");
    *done = -1;
    const std::uint64_t size = open_->size();
    bytes = offset >= size ? 0 : static_cast<std::size_t>(std::min<std::uint64_t>(bytes, size - offset));
    if (bytes == 0) return mine.run_checked([done] { *done = 0; });
    if (!open_->library.has_streams()) {
      // The work before it first, as in a stream; the caller waits, which is all that differs.
      mine.synchronize();
      *done = static_cast<std::int64_t>(read(base, base_offset, offset, bytes));
      return;
    }
    mine.health()->expect_failures();
    auto request = std::make_shared<AsyncRead>();
    request->open = open_;
    request->done = done;
    for (std::size_t at = 0; at < bytes; at += kMaxIoBytes) {
      request->parts.push_back({std::min(bytes - at, kMaxIoBytes), static_cast<off_t>(offset + at),
                                static_cast<off_t>(base_offset + at), 0});
    }
    for (std::size_t i = 0; i < request->parts.size(); ++i) {
      AsyncPart& part = request->parts[i];
      const cufile::Status status =
          open_->library.read_async(open_->handle.get(), base, &part.bytes, &part.file_offset,
                                    &part.base_offset, &part.done, mine.handle());
      if (status.err == 0) continue;
      // Parts already given still use the cells; they are waited for before the cells go.
      FS_CUDA_NOTE(*context_, cudaStreamSynchronize, mine.handle());
      open_->fail("cuFileReadAsync", status.err);
    }
    try {
      mine.run_checked([request] { request->settle(); });
    } catch (...) {
      FS_CUDA_NOTE(*context_, cudaStreamSynchronize, mine.handle());
      throw;
    }
  }

  void read_batch(std::span<Piece> pieces) override {
    context_->enter();
    for (Piece& piece : pieces) {
      check_range(piece.base, piece.base_offset, piece.offset, piece.bytes);
      piece.done = 0;
    }
    if (open_->library.has_batch()) submit(pieces);
    // What the batch left: everything where there are no batches, the rest of pieces that came short or were cut off.
    std::optional<Error> failure;
    for (Piece& piece : pieces) {
      if (piece.done == piece.bytes) continue;
      try {
        piece.done += read(piece.base, piece.base_offset + piece.done, piece.offset + piece.done,
                           piece.bytes - piece.done);
      } catch (const Error& error) {
        if (!failure.has_value()) failure.emplace(error);
      }
    }
    if (failure.has_value()) throw Error(*failure);
  }

 private:
  static void check_range(const void* base, std::size_t base_offset, std::uint64_t offset,
                          std::size_t bytes) {
    constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<off_t>::max());
    if (bytes > 0 && base == nullptr) throw Error(ErrorCode::ARG_RANGE, "a read into null");
    if (bytes > kMost || offset > kMost - bytes || base_offset > kMost - bytes) {
      throw Error(ErrorCode::ARG_RANGE, "a read at " + std::to_string(offset) + " of " +
                                            std::to_string(bytes) +
                                            " bytes goes beyond what a file can hold");
    }
  }

  // Reads the head of every piece, at most kMaxIoBytes, in batches of as many as the library takes. A piece that
  // failed here is left as it was: read_batch() reads it again alone, which succeeds or gives the error its name.
  void submit(std::span<Piece> pieces) {
    const unsigned most = open_->library.max_batch_ios();
    const std::uint64_t size = open_->size();
    std::vector<cufile::IoParams> params;
    const auto flush = [&] {
      const bool supported = params.empty() || run_batch(params);
      params.clear();
      return supported;
    };
    for (Piece& piece : pieces) {
      if (piece.bytes == 0 || piece.offset >= size) continue;
      cufile::IoParams io;
      std::memset(&io, 0, sizeof(io));
      io.mode = 1;
      io.batch = {piece.base, static_cast<off_t>(piece.offset), static_cast<off_t>(piece.base_offset),
                  std::min(piece.bytes, kMaxIoBytes)};
      io.handle = open_->handle.get();
      io.cookie = &piece;
      params.push_back(io);
      if (params.size() == most && !flush()) return;
    }
    flush();
  }

  // False where the library takes no batch.
  bool run_batch(std::vector<cufile::IoParams>& params) {
    const cufile::Library& library = open_->library;
    const auto count = static_cast<unsigned>(params.size());
    void* batch = nullptr;
    if (library.batch_set_up(&batch, count).err != 0) return false;
    if (library.batch_submit(batch, count, params.data(), 0).err != 0) {
      library.batch_destroy(batch);
      return false;
    }
    std::vector<cufile::IoEvent> events(count);
    unsigned settled = 0;
    while (settled < count) {
      unsigned got = count - settled;
      const cufile::Status status = library.batch_status(batch, 1, &got, events.data(), nullptr);
      if (status.err != 0) {
        // Until it is cancelled the library may still write into the targets.
        library.batch_cancel(batch);
        library.batch_destroy(batch);
        open_->fail("cuFileBatchIOGetStatus", status.err);
      }
      for (unsigned i = 0; i < got; ++i) {
        const cufile::IoEvent& event = events[i];
        if ((event.status & cufile::kIoUnsettled) != 0) continue;
        ++settled;
        auto* piece = static_cast<Piece*>(event.cookie);
        const std::size_t asked = std::min(piece->bytes, kMaxIoBytes);
        if (event.status == cufile::kIoComplete && event.bytes <= asked) piece->done = event.bytes;
      }
    }
    library.batch_destroy(batch);
    return true;
  }

  std::shared_ptr<device::Device> device_;
  std::shared_ptr<Context> context_;
  std::shared_ptr<Open> open_;
};

}  // namespace

std::unique_ptr<device::DirectFile> open_cufile(std::shared_ptr<device::Device> device,
                                                std::shared_ptr<Context> context, const std::string& path,
                                                std::string& reason) {
  // Without waiting: opening a pipe would.
  int fd = ::open(path.c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC | O_NONBLOCK);
  bool direct = true;
  if (fd < 0 && errno == EINVAL) {
    direct = false;
    fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  }
  if (fd < 0) throw_errno("open", path, errno);
  Descriptor descriptor(fd);
  struct stat info {};
  if (::fstat(fd, &info) != 0) throw_errno("stat", path, errno);
  if (S_ISDIR(info.st_mode)) throw_errno("read", path, EISDIR);
  if (!S_ISREG(info.st_mode)) {
    reason = "not a regular file";
    return nullptr;
  }
  if (!direct) {
    reason = "the file system has no O_DIRECT";
    return nullptr;
  }
  const cufile::Library* library = cufile::Library::process(reason);
  if (library == nullptr) return nullptr;
  auto open = std::make_shared<Open>(*library, std::move(descriptor), path);
  const cufile::Status status = open->handle.status();
  if (status.err != 0) {
    reason = "cuFileHandleRegister: " + cufile::error_text(status.err);
    return nullptr;
  }
  return std::make_unique<CuFile>(std::move(device), std::move(context), std::move(open));
}

}  // namespace flowstate::cuda
