// What one thread of the reader does with a task, and what it keeps for that: a stream and pinned chunks, made at the
// first POSIX read.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "device/read_plan.h"
#include "flowstate/device/device.h"
#include "flowstate/device/direct_reader.h"

namespace flowstate::device {

class ReadWorker {
 public:
  ReadWorker(Device& device, const DirectReader::Options& options, ReaderCounters& counters)
      : device_(device), options_(options), counters_(counters) {}
  ~ReadWorker();
  ReadWorker(const ReadWorker&) = delete;
  ReadWorker& operator=(const ReadWorker&) = delete;

  // Returns or throws when nothing touches the task's targets any more. Leaves off between chunks once `stop` is set:
  // false when it did.
  bool run(const ReadTask& task, const std::atomic<bool>& stop);

 private:
  struct Chunk {
    PinnedBlock block;
    std::unique_ptr<Event> copied;
  };

  void read_direct(DirectFile& file, const ReadTask& task);
  void read_rest(DirectFile& file, const ReadTask& task, const ReadPiece& piece, std::size_t done);
  bool read_plain(const ReadTask& task, const std::atomic<bool>& stop);
  bool copy_pieces(const ReadTask& task, const std::atomic<bool>& stop);
  // Fills the chunk from the file; throws CORRUPT where the file ends first.
  void fill(const PlainFile& file, const ReadTask& task, const ReadPiece& piece, std::size_t done,
            void* chunk, std::size_t bytes);
  void prepare();
  void drop_stream() noexcept;

  Device& device_;
  const DirectReader::Options& options_;
  ReaderCounters& counters_;
  std::vector<Chunk> chunks_;
  std::unique_ptr<Stream> stream_;  // after the chunks: it ends, and waits, before they go
};

}  // namespace flowstate::device
