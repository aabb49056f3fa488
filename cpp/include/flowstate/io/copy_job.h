// Writing through DuckDB: a COPY statement that runs on a thread of its own and reads batches from a bounded queue as an
// Arrow stream. Batches are borrowed; `released` tells which ones DuckDB is done with. Order is kept: DuckDB numbers
// the batches as it takes them.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "flowstate/error.h"
#include "flowstate/io/arrow_c.h"
#include "flowstate/io/scan.h"

namespace flowstate::io {

// The type of a column and of what is inside it.
struct ArrowType {
  std::string format;
  std::string name;
  std::vector<ArrowType> children;
  std::unique_ptr<ArrowType> dictionary;
};

// Borrowed buffers of a column; the shape follows its ArrowType.
struct ArrowData {
  std::int64_t length = 0;
  std::int64_t null_count = 0;
  std::vector<const void*> buffers;
  std::vector<ArrowData> children;
  std::unique_ptr<ArrowData> dictionary;
};

class CopyJob {
 public:
  // Batches that may wait; more threads than this never encode at once on the machines we measure.
  static constexpr std::size_t kQueued = 4;

  // `sql` copies from `view`, a plain name of its own: the instance, and so its views, are shared.
  CopyJob(std::unique_ptr<ScanConnection> connection, std::string view, std::string sql, ArrowType schema);
  ~CopyJob();
  CopyJob(const CopyJob&) = delete;
  CopyJob& operator=(const CopyJob&) = delete;

  // Takes a batch at once. Throws what the statement threw, if it has failed.
  void push(std::uint64_t id, ArrowData batch);
  // Waits until the queue has room, or the statement has ended.
  void wait_for_room();
  // No more batches: waits for the statement and throws its error.
  void finish();
  // Fails the statement. Any thread.
  void abort() noexcept;
  // Ids of the batches whose memory is no longer used.
  std::vector<std::uint64_t> released();

 private:
  struct Item {
    std::uint64_t id;
    ArrowData data;
  };
  struct ArrayOwner;

  void run() noexcept;
  static int get_schema(ArrowArrayStream* stream, ArrowSchema* out);
  static int get_next(ArrowArrayStream* stream, ArrowArray* out);
  static const char* get_last_error(ArrowArrayStream* stream);

  std::unique_ptr<ScanConnection> connection_;
  std::string view_;
  std::string sql_;
  ArrowType schema_;
  ArrowArrayStream stream_{};

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Item> queue_;
  std::vector<std::uint64_t> released_;
  bool ended_ = false;  // no more batches
  bool aborted_ = false;
  bool done_ = false;                    // the statement is over
  ErrorCode code_ = ErrorCode::CORRUPT;  // its error, if any: set with done_
  std::string error_;
  std::thread thread_;
};

}  // namespace flowstate::io
