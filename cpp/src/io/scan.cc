#include "flowstate/io/scan.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <numeric>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>

#include "flowstate/error.h"
#include "io/column_store.h"
#include "io/sink.h"

namespace flowstate::io {

namespace {

constexpr std::int64_t kChunkRows = 2048;
constexpr std::int64_t kResetDictionary = 65536;
constexpr const char* kSinkName = "flowstate_sink";

// A run of rows that one thread wrote, with codes of that thread's dictionaries.
struct Segment {
  std::int64_t row;
  std::int64_t count;
};

struct SinkThread {
  std::vector<std::unique_ptr<TextDictionary>> dictionaries;  // null for other kinds
  std::vector<Segment> segments;
  std::int64_t next_row = 0;
};

// One running sink. DuckDB's threads find it by its id, which travels as the function's first argument.
struct Sink {
  const duck::Api* api;
  std::int64_t rows;
  std::vector<ScanColumn> columns;
  std::vector<std::unique_ptr<ColumnStore>> stores;
  bool has_text = false;
  std::mutex mutex;
  std::unordered_map<std::thread::id, std::unique_ptr<SinkThread>> threads;
  std::exception_ptr failure;

  SinkThread& mine() {
    const std::lock_guard lock(mutex);
    std::unique_ptr<SinkThread>& thread = threads[std::this_thread::get_id()];
    if (!thread) {
      thread = std::make_unique<SinkThread>();
      for (const ScanColumn& column : columns) {
        thread->dictionaries.push_back(column.kind == ScanKind::kText ? std::make_unique<TextDictionary>()
                                                                      : nullptr);
      }
    }
    return *thread;
  }

  void take(duck::Chunk input, std::int64_t count);
};

// Functions registered with DuckDB are plain pointers, so running sinks are looked up here. Process-wide on purpose:
// DuckDB's instance is, and its threads belong to no environment.
struct SinkRegistry {
  std::mutex mutex;
  std::unordered_map<std::int64_t, std::pair<Sink*, const duck::Api*>> sinks;
  std::int64_t next = 1;

  static SinkRegistry& get() {
    static SinkRegistry registry;
    return registry;
  }
  std::int64_t add(Sink& sink) {
    const std::lock_guard lock(mutex);
    sinks[next] = {&sink, sink.api};
    return next++;
  }
  void remove(std::int64_t id) {
    const std::lock_guard lock(mutex);
    sinks.erase(id);
  }
  Sink* find(std::int64_t id) {
    const std::lock_guard lock(mutex);
    const auto found = sinks.find(id);
    return found == sinks.end() ? nullptr : found->second.first;
  }
};

void Sink::take(duck::Chunk input, std::int64_t count) {
  const auto* numbers =
      static_cast<const std::int64_t*>(api->vector_get_data(api->data_chunk_get_vector(input, 1)));
  SinkThread& thread = mine();
  const std::int64_t row = numbers[0];
  for (std::int64_t i = 1; i < count; ++i) {
    if (numbers[i] != row + i) throw Error(ErrorCode::INTERNAL, "a vector's rows are not consecutive");
  }
  if (row < 0 || row > rows - count)
    throw Error(ErrorCode::CORRUPT, "a row lies outside the file's row count");
  const bool ascending = row >= thread.next_row;
  thread.next_row = std::max(thread.next_row, row + count);
  for (std::size_t i = 0; i < stores.size(); ++i) {
    duck::Vector vector = api->data_chunk_get_vector(input, i + 2);
    stores[i]->write(api->vector_get_data(vector), api->vector_get_validity(vector), row, count,
                     thread.dictionaries[i].get(), ascending);
  }
  if (has_text) thread.segments.push_back({row, count});
}

}  // namespace

// The callback needs the API before it has the sink's; it is the same library for every engine of the process.
static std::atomic<const duck::Api*> g_api{nullptr};

static void sink_callback(duck::FunctionInfo info, duck::Chunk input, duck::Vector output) {
  const duck::Api& api = *g_api.load(std::memory_order_acquire);
  const auto count = static_cast<std::int64_t>(api.data_chunk_get_size(input));
  auto* out = static_cast<std::int64_t*>(api.vector_get_data(output));
  if (count == 0) return;
  const auto* ids =
      static_cast<const std::int64_t*>(api.vector_get_data(api.data_chunk_get_vector(input, 0)));
  Sink* sink = SinkRegistry::get().find(ids[0]);
  if (sink == nullptr) {
    api.scalar_function_set_error(info, "the scan is over");
    return;
  }
  try {
    sink->take(input, count);
    std::fill(out, out + count, 1);
  } catch (const std::exception& error) {
    {
      const std::lock_guard lock(sink->mutex);
      if (!sink->failure) sink->failure = std::current_exception();
    }
    api.scalar_function_set_error(info, error.what());
  }
}

void register_sink(const duck::Api& api, duck::Connection connection) {
  // All engines of a process share one mapped library, so any engine's table will do; this one never goes away.
  static const duck::Api shared = api;
  g_api.store(&shared, std::memory_order_release);
  duck::LogicalType big = api.create_logical_type(duck::kBigInt);
  duck::LogicalType any = api.create_logical_type(duck::kAny);
  duck::ScalarFunction function = api.create_scalar_function();
  api.scalar_function_set_name(function, kSinkName);
  api.scalar_function_add_parameter(function, big);
  api.scalar_function_add_parameter(function, big);
  api.scalar_function_set_varargs(function, any);
  api.scalar_function_set_return_type(function, big);
  api.scalar_function_set_special_handling(function);
  api.scalar_function_set_volatile(function);
  api.scalar_function_set_function(function, sink_callback);
  const duck::State state = api.register_scalar_function(connection, function);
  api.destroy_scalar_function(&function);
  api.destroy_logical_type(&any);
  api.destroy_logical_type(&big);
  if (state != 0) throw Error(ErrorCode::INTERNAL, "libduckdb refused the sink function");
}

namespace {

[[noreturn]] void throw_duck(const ScanConnection& connection, const char* text) {
  connection.check();
  throw Error(ErrorCode::CORRUPT, text == nullptr ? "DuckDB failed without a reason" : text);
}

std::string select_list(const ScanRequest& request) {
  std::string list;
  for (const std::string& expression : request.expressions) list += (list.empty() ? "" : ", ") + expression;
  return list;
}

// The threads' dictionaries as one, in order of first appearance, and every code translated.
void merge_dictionaries(Sink& sink, std::size_t index, ScannedColumn& column) {
  struct Entry {
    std::int64_t first;
    std::string_view text;
  };
  TextDictionary all;
  std::vector<Entry> entries;
  std::vector<std::pair<SinkThread*, std::vector<std::int32_t>>> translations;
  for (auto& [id, thread] : sink.threads) {
    const TextDictionary& mine = *thread->dictionaries[index];
    std::vector<std::int32_t> translation(static_cast<std::size_t>(mine.size()));
    for (std::int64_t code = 0; code < mine.size(); ++code) {
      const std::int32_t merged = all.intern(mine.text(code), 0);
      if (static_cast<std::size_t>(merged) == entries.size()) {
        entries.push_back({mine.first_row(code), mine.text(code)});
      } else {
        auto& entry = entries[static_cast<std::size_t>(merged)];
        entry.first = std::min(entry.first, mine.first_row(code));
      }
      translation[static_cast<std::size_t>(code)] = merged;
    }
    translations.emplace_back(thread.get(), std::move(translation));
  }
  std::vector<std::int32_t> order(entries.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
    return entries[static_cast<std::size_t>(a)].first < entries[static_cast<std::size_t>(b)].first;
  });
  std::vector<std::int32_t> rank(order.size());
  std::vector<std::string_view> texts(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    rank[static_cast<std::size_t>(order[i])] = static_cast<std::int32_t>(i);
    texts[i] = entries[static_cast<std::size_t>(order[i])].text;
  }
  auto* codes = column.values.as<std::int32_t>();
  for (auto& [thread, translation] : translations) {
    if (translation.empty()) continue;
    for (std::int32_t& code : translation) code = rank[static_cast<std::size_t>(code)];
    bool same = true;
    for (std::size_t i = 0; i < translation.size(); ++i)
      same &= translation[i] == static_cast<std::int32_t>(i);
    if (same) continue;
    for (const Segment& segment : thread->segments) {
      for (std::int64_t row = segment.row; row < segment.row + segment.count; ++row) {
        codes[row] = translation[static_cast<std::size_t>(codes[row])];
      }
    }
  }
  // Null slots went through the translation as code 0; they stay zero whatever it became.
  if (column.null_count > 0) {
    const std::uint8_t* bits = column.validity.data();
    for (std::int64_t row = 0; row < column.length; ++row) {
      if (((bits[row >> 3] >> (row & 7)) & 1) == 0) codes[row] = 0;
    }
  }
  if (prefers_plain(static_cast<std::int64_t>(texts.size()), column.length)) {
    make_plain(sink.columns[index].name, column, texts);
    return;
  }
  column.dictionary_length = static_cast<std::int64_t>(texts.size());
  pack_texts(sink.columns[index].name, texts, column.dictionary_offsets, column.dictionary_values);
}

Scanned scan_sink(ScanConnection& connection, const ScanRequest& request) {
  const duck::Api& api = connection.api();
  Sink sink;
  sink.api = &api;
  sink.rows = request.rows;
  sink.columns = request.columns;
  for (const ScanColumn& column : request.columns) {
    sink.stores.push_back(std::make_unique<ColumnStore>(column, request.rows));
    sink.has_text |= column.kind == ScanKind::kText;
  }
  const std::int64_t id = SinkRegistry::get().add(sink);
  const std::string sql = std::string("SELECT CAST(coalesce(sum(") + kSinkName + "(" + std::to_string(id) +
                          ", " + request.row_number + ", " + select_list(request) +
                          ")), 0) AS BIGINT) FROM " + request.from;
  duck::Result result{};
  const duck::State state = api.query(connection.get(), sql.c_str(), &result);
  SinkRegistry::get().remove(id);
  std::int64_t written = -1;
  std::string reason;
  if (state == 0) {
    duck::Chunk chunk = api.fetch_chunk(result);
    if (chunk != nullptr) {
      written = *static_cast<const std::int64_t*>(api.vector_get_data(api.data_chunk_get_vector(chunk, 0)));
      api.destroy_data_chunk(&chunk);
    }
  } else {
    const char* text = api.result_error(&result);
    reason = text == nullptr ? "" : text;
  }
  api.destroy_result(&result);
  if (sink.failure) std::rethrow_exception(sink.failure);
  if (state != 0) throw_duck(connection, reason.c_str());
  if (written != request.rows) {
    throw Error(ErrorCode::CORRUPT, "the footer says " + std::to_string(request.rows) +
                                        " rows, the data has " + std::to_string(written));
  }
  Scanned scanned;
  scanned.rows = request.rows;
  for (std::size_t i = 0; i < sink.stores.size(); ++i) {
    scanned.columns.push_back(sink.stores[i]->finish(request.rows));
    if (sink.columns[i].kind == ScanKind::kText) merge_dictionaries(sink, i, scanned.columns.back());
  }
  return scanned;
}

std::int64_t count_rows(ScanConnection& connection, const ScanRequest& request) {
  const duck::Api& api = connection.api();
  const std::string sql =
      "SELECT count(*) FROM " + request.from + (request.where.empty() ? "" : " WHERE " + request.where);
  duck::Result result{};
  const duck::State state = api.query(connection.get(), sql.c_str(), &result);
  std::int64_t rows = 0;
  std::string reason;
  if (state == 0) {
    duck::Chunk chunk = api.fetch_chunk(result);
    if (chunk != nullptr) {
      rows = *static_cast<const std::int64_t*>(api.vector_get_data(api.data_chunk_get_vector(chunk, 0)));
      api.destroy_data_chunk(&chunk);
    }
  } else {
    const char* text = api.result_error(&result);
    reason = text == nullptr ? "" : text;
  }
  api.destroy_result(&result);
  if (state != 0) throw_duck(connection, reason.c_str());
  return rows;
}

}  // namespace

Scanned scan_whole(const std::shared_ptr<ScanConnection>& connection, ScanRequest request) {
  connection->open();
  if (!request.row_number.empty() && request.rows >= 0) return scan_sink(*connection, request);
  if (request.rows < 0) request.rows = count_rows(*connection, request);
  ScanCursor cursor(connection, std::move(request));
  return cursor.all();
}

ScanCursor::ScanCursor(std::shared_ptr<ScanConnection> connection, ScanRequest request)
    : connection_(std::move(connection)), request_(std::move(request)) {
  for (const ScanColumn& column : request_.columns) {
    dictionaries_.push_back(column.kind == ScanKind::kText ? std::make_unique<TextDictionary>() : nullptr);
    delivered_.push_back(-1);
  }
}

ScanCursor::~ScanCursor() {
  if (connection_->get() == nullptr) return;
  const duck::Api& api = connection_->api();
  if (waiting_ != nullptr) api.destroy_data_chunk(&waiting_);
  api.destroy_result(&result_);
}

void ScanCursor::start() {
  const duck::Api& api = connection_->api();
  const std::string sql = "SELECT " + select_list(request_) + " FROM " + request_.from +
                          (request_.where.empty() ? "" : " WHERE " + request_.where);
  duck::Statement statement = nullptr;
  duck::Pending pending = nullptr;
  std::string reason;
  bool ok = api.prepare(connection_->get(), sql.c_str(), &statement) == 0;
  if (!ok) {
    const char* text = api.prepare_error(statement);
    reason = text == nullptr ? "" : text;
  } else if (!(ok = api.pending_prepared_streaming(statement, &pending) == 0)) {
    const char* text = api.pending_error(pending);
    reason = text == nullptr ? "" : text;
  } else if (!(ok = api.execute_pending(pending, &result_) == 0)) {
    const char* text = api.result_error(&result_);
    reason = text == nullptr ? "" : text;
  }
  if (pending != nullptr) api.destroy_pending(&pending);
  api.destroy_prepare(&statement);
  if (!ok) throw_duck(*connection_, reason.c_str());
  started_ = true;
}

Scanned ScanCursor::next(std::int64_t rows) { return fetch(std::max(rows, kChunkRows), false); }

Scanned ScanCursor::all() {
  // Room for one chunk more than there should be: a file that grew meanwhile is noticed, not cut.
  const std::int64_t expected = request_.rows;
  Scanned scanned = fetch(expected + kChunkRows, true);
  if (!ended_ || scanned.rows != expected) {
    throw Error(ErrorCode::CORRUPT, "expected " + std::to_string(expected) + " rows, found " +
                                        std::to_string(scanned.rows) + (ended_ ? "" : " and more"));
  }
  return scanned;
}

Scanned ScanCursor::fetch(std::int64_t capacity, bool whole) {
  connection_->open();
  const duck::Api& api = connection_->api();
  if (!started_) start();
  std::vector<std::unique_ptr<ColumnStore>> stores;
  for (const ScanColumn& column : request_.columns)
    stores.push_back(std::make_unique<ColumnStore>(column, capacity));
  std::int64_t filled = 0;
  while (!ended_) {
    connection_->check();
    if (waiting_ == nullptr) waiting_ = api.fetch_chunk(result_);
    if (waiting_ == nullptr) {
      ended_ = true;
      const char* text = api.result_error(&result_);
      if (text != nullptr && *text != '\0') throw_duck(*connection_, text);
      break;
    }
    const auto count = static_cast<std::int64_t>(api.data_chunk_get_size(waiting_));
    if (filled + count > capacity) break;
    for (std::size_t i = 0; i < stores.size(); ++i) {
      duck::Vector vector = api.data_chunk_get_vector(waiting_, i);
      stores[i]->write(api.vector_get_data(vector), api.vector_get_validity(vector), filled, count,
                       dictionaries_[i].get(), true);
    }
    api.destroy_data_chunk(&waiting_);
    waiting_ = nullptr;
    filled += count;
  }
  Scanned scanned;
  scanned.rows = filled;
  for (std::size_t i = 0; i < stores.size(); ++i) {
    scanned.columns.push_back(stores[i]->finish(filled));
    TextDictionary* dictionary = dictionaries_[i].get();
    if (dictionary == nullptr) continue;
    ScannedColumn& column = scanned.columns.back();
    std::vector<std::string_view> texts(static_cast<std::size_t>(dictionary->size()));
    for (std::size_t code = 0; code < texts.size(); ++code) {
      texts[code] = dictionary->text(static_cast<std::int64_t>(code));
    }
    if (whole && prefers_plain(dictionary->size(), filled)) {
      make_plain(request_.columns[i].name, column, texts);
      continue;
    }
    column.dictionary_length = dictionary->size();
    column.same_dictionary = delivered_[i] == dictionary->size();
    if (!column.same_dictionary) {
      pack_texts(request_.columns[i].name, texts, column.dictionary_offsets, column.dictionary_values);
    }
    delivered_[i] = dictionary->size();
    if (dictionary->size() > kResetDictionary) {
      dictionary->clear();
      delivered_[i] = -1;
    }
  }
  return scanned;
}

}  // namespace flowstate::io
