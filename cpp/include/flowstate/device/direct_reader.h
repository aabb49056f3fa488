// Ranges of files read straight into device memory.
//
// A call's ranges are cut into tasks at page borders and read by a few threads. Per file the bytes take one of two
// paths: the device's direct one (cuFile, direct I/O), or POSIX reads into pinned chunks that are copied to the device
// while the next is read. What cannot go directly (file system, permission, no cuFile) goes the other way, and the
// statistics say how much and why.
//
// All or an error: a file that ends early, also because it shrinks meanwhile, is CORRUPT and names the file, the offset,
// the bytes expected and found; what the system refuses is IO. The targets' contents are then undefined.
//
// The targets must not be in use by work in any stream until the read has ended; once it has, every stream may use
// them. Thread-safe; jobs of any number of callers share the threads in the order they came.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "flowstate/device/device.h"

namespace flowstate::device {

struct ReadRange {
  std::string path;
  std::uint64_t offset = 0;
  std::size_t bytes = 0;   // 0: nothing is read, and the file is not opened
  void* target = nullptr;  // device memory, of any alignment; whole pages are fast
};

enum class ReadMode : std::uint8_t {
  kAuto,    // the direct path where there is one
  kDirect,  // GDS_UNAVAILABLE where there is none
  kPosix,
};

struct ReaderStats {
  struct Path {
    std::string name;          // DirectFile::path_taken(), or "POSIX"
    std::uint64_t ranges = 0;  // by the path of their first byte
    std::uint64_t bytes = 0;
  };
  std::vector<Path> paths;
  std::vector<std::pair<std::string, std::uint64_t>> fallbacks;  // reason, files
  std::uint64_t short_reads = 0;  // answers with fewer bytes than asked for, also at a file's end
  std::uint64_t retries = 0;      // reads repeated for the rest of a short one
  std::uint64_t interrupted = 0;  // EINTR
};

// A read in progress. A handle: copies stand for the same job, and dropping them all leaves it running.
class ReadJob {
 public:
  // What has not begun is left out; wait() then throws ABORTED, unless everything was read already.
  void cancel() noexcept;
  bool is_done() const;
  // Blocks until nothing of the job touches its targets any more, then throws what went wrong first.
  void wait() const;

  struct State;

 private:
  friend class DirectReader;
  explicit ReadJob(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

class DirectReader {
 public:
  struct Options {
    ReadMode mode = ReadMode::kAuto;
    // Threads, bytes of a task and of a chunk: bench/NOTES.md, "Direct reader".
    int threads = 4;
    std::size_t task_bytes = std::size_t{4} << 20;
    std::size_t chunk_bytes = std::size_t{1} << 20;
    // Pinned chunks of each thread on the POSIX path: one is read while the others are copied.
    int chunks = 2;
  };
  // Called once, from a thread of the reader; null when all was read. Must not throw, wait, or end the reader.
  using Done = std::function<void(std::exception_ptr)>;

  // Throws ARG_RANGE for options out of range (threads 1 to 64, chunks 2 to 16, sizes a page to 1 GiB).
  DirectReader(std::shared_ptr<Device> device, const Options& options);
  // close().
  ~DirectReader();
  DirectReader(const DirectReader&) = delete;
  DirectReader& operator=(const DirectReader&) = delete;

  // Waits. Throws ARG_RANGE, CORRUPT, IO, GDS_UNAVAILABLE, CLOSED and the device's errors.
  void read(std::span<const ReadRange> ranges);
  // Begins; throws ARG_RANGE and CLOSED at once, the rest through the job and `done`.
  ReadJob read_async(std::vector<ReadRange> ranges, Done done = nullptr);
  // Ends what runs and cancels what waits; later reads are CLOSED. Idempotent.
  void close() noexcept;

  ReaderStats stats() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace flowstate::device
