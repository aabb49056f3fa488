// What the streaming engine and JavaScript hand each other besides buffers: numbers in one block of 8-byte words that
// both keep, and the fixed part of every batch, described once. Reading properties and making objects for them cost more
// than the join of a small batch. Words and their order: lib/internal/native-stream.ts.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "binding/napi_setup.h"
#include "flowstate/stream/streaming_join.h"

namespace flowstate::binding {

class StreamExchange {
 public:
  // `want_ids`: row ids go out with the rows.
  StreamExchange(Napi::Env env, const stream::EngineConfig& config, bool want_ids);

  // The block, for JavaScript to view.
  Napi::Value words() const { return block_.Value(); }

  // Fixes how an input's batches come: { parts: { name, type, indexType, width }[], time, keys, columns, knownAt,
  // sequence }, all but `parts` being places in it.
  void describe(int input, const Napi::Object& layout);
  // The batch of `buffers`, which words tell apart; its memory is borrowed from them.
  const stream::EngineBatch& batch(int input, std::int64_t rows, std::int32_t source,
                                   const Napi::Array& buffers);

  void publish(const stream::PushReport& report, stream::Kind kind);
  void publish_state(const stream::StreamEngine& engine);
  // The output's buffers: one ArrayBuffer with all of them where they are small, else one each in an array.
  Napi::Value publish(Napi::Env env, stream::EngineOutput&& output);

 private:
  struct Input {
    std::vector<Column> parts;
    stream::EngineBatch batch;
    std::size_t time = 0;
    std::vector<std::vector<std::size_t>> keys;
    std::vector<std::size_t> columns;
    std::size_t known_at = 0;
    std::size_t sequence = 0;
    bool described = false;
  };

  void put(std::size_t at, std::int64_t value) noexcept { words_[at] = static_cast<double>(value); }
  void put_time(std::size_t at, std::int64_t time, stream::Kind kind) noexcept;
  void read_part(const Napi::Array& buffers, std::uint32_t& next, double word, std::int64_t rows,
                 Column& part);

  Napi::Reference<Napi::ArrayBuffer> block_;
  double* words_ = nullptr;
  std::size_t tail_ = 0;  // first word of what a batch or an output needs by column
  std::size_t limit_ = 0;
  stream::Kind left_kind_;
  bool want_ids_;
  std::vector<bool> want_age_;
  std::vector<bool> want_matched_;
  std::vector<Input> inputs_;
};

}  // namespace flowstate::binding
