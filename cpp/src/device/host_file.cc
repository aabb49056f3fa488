#include "device/host_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

#include "device/host_stream.h"
#include "device/io_error.h"

#if defined(__unix__) || defined(__APPLE__)
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

namespace flowstate::device {

#if defined(O_DIRECT)
namespace {

constexpr std::size_t kBounceBytes = std::size_t{1} << 20;

struct AlignedDelete {
  void operator()(std::uint8_t* data) const noexcept {
    ::operator delete(data, std::align_val_t{kPageBytes});
  }
};
using Bounce = std::unique_ptr<std::uint8_t, AlignedDelete>;

Bounce make_bounce(std::size_t bytes) {
  return Bounce(static_cast<std::uint8_t*>(::operator new(bytes, std::align_val_t{kPageBytes})));
}

constexpr std::uint64_t round_down(std::uint64_t value) noexcept { return value / kPageBytes * kPageBytes; }
constexpr std::uint64_t round_up(std::uint64_t value) noexcept { return round_down(value + kPageBytes - 1); }

class HostFile final : public DirectFile {
 public:
  HostFile(std::shared_ptr<HostState> state, int fd, std::string path)
      : state_(std::move(state)), fd_(fd), path_(std::move(path)) {}
  ~HostFile() override { (void)::close(fd_); }
  HostFile(const HostFile&) = delete;
  HostFile& operator=(const HostFile&) = delete;

  std::size_t read(void* base, std::size_t base_offset, std::uint64_t offset, std::size_t bytes) override {
    const bool fails = state_->strikes(Call::kRead);
    const bool is_short = state_->strikes(Call::kReadShort);
    if (bytes == 0) return 0;
    if (base == nullptr) throw Error(ErrorCode::ARG_RANGE, "direct read: null memory");
    if (fails) throw io_error("pread", path_, EIO);
    return read_now(static_cast<std::uint8_t*>(base) + base_offset, offset, is_short ? bytes / 2 : bytes);
  }

  void read_async(void* base, std::size_t base_offset, std::uint64_t offset, std::size_t bytes,
                  std::int64_t* done, Stream& stream) override {
    auto* const mine = dynamic_cast<HostStream*>(&stream);
    if (mine == nullptr) throw Error(ErrorCode::ARG_RANGE, "the stream belongs to another device");
    *done = -1;
    mine->enqueue([=, this] { *done = static_cast<std::int64_t>(read(base, base_offset, offset, bytes)); });
  }

  void read_batch(std::span<Piece> pieces) override {
    std::exception_ptr first;
    for (Piece& piece : pieces) {
      try {
        piece.done = read(piece.base, piece.base_offset, piece.offset, piece.bytes);
      } catch (...) {
        if (!first) first = std::current_exception();
      }
    }
    if (first) std::rethrow_exception(first);
  }

  const char* path_taken() const noexcept override { return "direct I/O"; }

 private:
  // One pread of whole pages; what it brings may end within a page at the end of the file.
  std::size_t read_pages(std::uint8_t* target, std::uint64_t offset, std::size_t bytes) {
    std::size_t got = 0;
    while (got < bytes) {
      const ssize_t step = ::pread(fd_, target + got, bytes - got, static_cast<off_t>(offset + got));
      if (step < 0) {
        if (errno == EINTR) continue;
        throw io_error("pread", path_, errno);
      }
      got += static_cast<std::size_t>(step);
      // Not whole pages: the end of the file, from where no aligned read goes on.
      if (step == 0 || static_cast<std::size_t>(step) % kPageBytes != 0) break;
    }
    return got;
  }

  // Through the bounce buffer: any alignment.
  std::size_t read_bounced(std::uint8_t* target, std::uint64_t offset, std::size_t bytes) {
    const std::size_t wanted = static_cast<std::size_t>(round_up(offset + bytes) - round_down(offset));
    const Bounce bounce = make_bounce(std::min(wanted, kBounceBytes));
    std::size_t done = 0;
    while (done < bytes) {
      const std::uint64_t from = round_down(offset + done);
      const std::size_t skip = static_cast<std::size_t>(offset + done - from);
      const std::size_t pages =
          static_cast<std::size_t>(std::min<std::uint64_t>(kBounceBytes, round_up(offset + bytes) - from));
      const std::size_t got = read_pages(bounce.get(), from, pages);
      if (got <= skip) break;
      const std::size_t take = std::min(got - skip, bytes - done);
      std::memcpy(target + done, bounce.get() + skip, take);
      done += take;
      if (got < pages) break;
    }
    return done;
  }

  std::size_t read_now(std::uint8_t* target, std::uint64_t offset, std::size_t bytes) {
    const std::uint64_t end = offset + bytes;
    const std::uint64_t inner_begin = round_up(offset);
    const std::uint64_t inner_end = round_down(end);
    const bool is_congruent = (reinterpret_cast<std::uintptr_t>(target) - offset) % kPageBytes == 0;
    if (!is_congruent || inner_begin >= inner_end) return read_bounced(target, offset, bytes);
    std::size_t done = 0;
    if (inner_begin > offset) {
      const std::size_t head = static_cast<std::size_t>(inner_begin - offset);
      done = read_bounced(target, offset, head);
      if (done < head) return done;
    }
    const std::size_t inner = static_cast<std::size_t>(inner_end - inner_begin);
    const std::size_t got = read_pages(target + done, inner_begin, inner);
    done += got;
    if (got < inner || end == inner_end) return done;
    return done + read_bounced(target + done, inner_end, static_cast<std::size_t>(end - inner_end));
  }

  std::shared_ptr<HostState> state_;
  const int fd_;
  const std::string path_;
};

}  // namespace

std::unique_ptr<DirectFile> open_host_file(std::shared_ptr<HostState> state, const std::string& path,
                                           std::string& reason) {
  state->throw_if_lost();
  // Without waiting: opening a pipe would, for a writer that may never come.
  const int plain = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (plain < 0) throw io_error("open", path, errno);
  struct stat status = {};
  const int stat_error = ::fstat(plain, &status) == 0 ? 0 : errno;
  (void)::close(plain);
  if (stat_error != 0) throw io_error("fstat", path, stat_error);
  if (S_ISDIR(status.st_mode)) throw io_error("read", path, EISDIR);
  if (!S_ISREG(status.st_mode)) {
    reason = "not a regular file";
    return nullptr;
  }
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECT);
  if (fd < 0) {
    reason = std::string("the file system refuses O_DIRECT: ") + std::strerror(errno);
    return nullptr;
  }
  auto file = std::make_unique<HostFile>(std::move(state), fd, path);
  // Some file systems accept the flag and refuse the read.
  const Bounce probe = make_bounce(kPageBytes);
  if (::pread(fd, probe.get(), kPageBytes, 0) < 0) {
    reason = std::string("the file system refuses direct reads: ") + std::strerror(errno);
    return nullptr;
  }
  return file;
}
#else
std::unique_ptr<DirectFile> open_host_file(std::shared_ptr<HostState> state, const std::string&,
                                           std::string& reason) {
  state->throw_if_lost();
  reason = "this system has no O_DIRECT";
  return nullptr;
}
#endif

}  // namespace flowstate::device
