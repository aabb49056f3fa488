// Scans of DuckDB sources into Arrow columns.
//
// Whole scans of sources that know each row's position run in parallel: a volatile scalar function receives every
// vector on whichever thread decoded it and copies it to its rows in the output ("sink"). Nothing is materialized.
// Other scans fetch chunks in order. Both give the same columns: text as int32 codes in order of first appearance,
// null slots zeroed, whatever the number of threads.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "flowstate/io/duck_api.h"
#include "flowstate/io/text_dictionary.h"
#include "flowstate/memory/buffer.h"

namespace flowstate::io {

// How a DuckDB vector becomes an Arrow column; shared with lib/storage/native-scan.ts.
enum class ScanKind : std::uint8_t {
  kFixed = 0,        // `width` bytes per row, copied
  kBool = 1,         // one byte per row to one bit
  kText = 2,         // dictionary codes
  kBinary = 3,       // int32 offsets and bytes
  kFixedBinary = 4,  // strings of exactly `width` bytes
  kInterval = 5,     // months, days, micros to months, days, nanos
};

struct ScanColumn {
  std::string name;
  ScanKind kind = ScanKind::kFixed;
  std::int32_t width = 0;
};

struct ScannedColumn {
  std::int64_t length = 0;
  std::int64_t null_count = 0;
  Buffer values;    // kText: int32 codes, or bytes when `plain`
  Buffer offsets;   // kBinary and plain text: int32
  Buffer validity;  // empty without nulls
  // kText: the dictionary; `same_dictionary` when it is the one of the piece before.
  Buffer dictionary_offsets;
  Buffer dictionary_values;
  std::int64_t dictionary_length = 0;
  bool same_dictionary = false;
  bool plain = false;
};

struct Scanned {
  std::int64_t rows = 0;
  std::vector<ScannedColumn> columns;
};

// One libduckdb with an in-memory instance per thread count. Thread-safe. Loading the library and opening an instance
// take tens of milliseconds, so both wait for the first connection: whoever makes an engine on a thread that must not
// wait makes none of them there.
class DuckEngine {
 public:
  explicit DuckEngine(std::string library_path) : library_path_(std::move(library_path)) {}
  ~DuckEngine();
  DuckEngine(const DuckEngine&) = delete;
  DuckEngine& operator=(const DuckEngine&) = delete;

  // Valid once a connection was made.
  const duck::Api& api() const noexcept { return api_; }
  // Throws Error ADDON_UNAVAILABLE, INTERNAL.
  duck::Connection connect(int threads);

 private:
  duck::Database& database(int threads);

  std::string library_path_;
  duck::Api api_;
  bool loaded_ = false;
  std::mutex mutex_;
  std::map<int, duck::Database> databases_;
};

// A connection, made at its first use, that any thread may interrupt before, during or after it.
class ScanConnection {
 public:
  ScanConnection(std::shared_ptr<DuckEngine> engine, int threads)
      : engine_(std::move(engine)), threads_(threads) {}
  ~ScanConnection();
  ScanConnection(const ScanConnection&) = delete;
  ScanConnection& operator=(const ScanConnection&) = delete;

  // Connects where that was not done yet; one thread at a time. Throws as DuckEngine::connect, and ABORTED.
  void open();
  const duck::Api& api() const noexcept { return engine_->api(); }
  // Null before `open`.
  duck::Connection get() const noexcept { return connection_.load(); }
  void interrupt() noexcept;
  // Throws Error ABORTED after an interrupt.
  void check() const;

 private:
  std::shared_ptr<DuckEngine> engine_;
  int threads_;
  std::atomic<duck::Connection> connection_{nullptr};
  std::atomic<bool> interrupted_{false};
};

struct ScanRequest {
  std::vector<ScanColumn> columns;
  std::vector<std::string> expressions;  // one per column
  std::string from;
  std::string where;       // empty: none
  std::string row_number;  // empty: not known
  std::int64_t rows = -1;  // -1: not known
};

// The whole source. Throws Error CORRUPT with DuckDB's text, ABORTED, OUT_OF_MEMORY, LENGTH.
Scanned scan_whole(const std::shared_ptr<ScanConnection>& connection, ScanRequest request);

// The source in order, piece by piece. Not thread-safe, but for interrupt.
class ScanCursor {
 public:
  ScanCursor(std::shared_ptr<ScanConnection> connection, ScanRequest request);
  ~ScanCursor();

  // At most `rows` rows (at least one chunk of 2,048); none at the end.
  Scanned next(std::int64_t rows);
  // Everything, in one piece; the request's row count is known and must be right.
  Scanned all();
  void interrupt() noexcept { connection_->interrupt(); }

 private:
  void start();
  Scanned fetch(std::int64_t capacity, bool whole);

  std::shared_ptr<ScanConnection> connection_;
  ScanRequest request_;
  std::vector<std::unique_ptr<TextDictionary>> dictionaries_;
  std::vector<std::int64_t> delivered_;  // dictionary sizes as last handed out
  duck::Result result_{};
  duck::Chunk waiting_ = nullptr;
  bool started_ = false;
  bool ended_ = false;
};

}  // namespace flowstate::io
