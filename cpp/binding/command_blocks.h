// A batch's answers and what it caused as blocks: one piece of memory for all columns of a kind, widest first, so that none
// needs padding. lib/orderbook/blocks.ts cuts the same way. One block rather than a buffer a column: fewer objects for
// V8 to make and to collect.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "binding/marshal.h"
#include "flowstate/book/matching_book.h"

namespace flowstate::binding {

// Of a row in each block.
inline constexpr std::size_t kAnswerBytes = 3 * 8 + 2;
inline constexpr std::size_t kFillBytes = 4 * 8 + 4 + 1;
inline constexpr std::size_t kRemovalBytes = 2 * 8 + 4 + 1;
inline constexpr std::size_t kTriggerBytes = 8 + 4;

// Cuts columns off a block of fresh memory, one after another.
class Cutter {
 public:
  explicit Cutter(std::uint8_t* at) noexcept : at_(at) {}
  template <typename T>
  std::span<T> column(std::size_t rows) noexcept {
    T* values = reinterpret_cast<T*>(at_);
    at_ += rows * sizeof(T);
    return {values, rows};
  }
  template <typename T, typename Record, typename Get>
  void fill(std::span<const Record> records, Get get) noexcept {
    T* out = column<T>(records.size()).data();
    for (const Record& record : records) *out++ = static_cast<T>(get(record));
  }

 private:
  std::uint8_t* at_;
};

inline book::AnswerColumns answers_over(std::uint8_t* block, std::size_t rows) noexcept {
  Cutter cut(block);
  book::AnswerColumns answers;
  answers.filled = cut.column<std::uint64_t>(rows);
  answers.resting = cut.column<std::uint64_t>(rows);
  answers.cancelled = cut.column<std::uint64_t>(rows);
  answers.status = cut.column<std::uint8_t>(rows);
  answers.state = cut.column<std::uint8_t>(rows);
  return answers;
}

// { fills, removals, triggers }: a block of columns each, null where there are none. Most commands cause
// nothing: a null costs less than the empty buffers it stands for.
inline void put_events(Napi::Object& object, const book::CommandEvents& events) {
  const Napi::Env env = object.Env();
  const auto block = [&](const char* key, std::size_t bytes, const auto& write) {
    if (bytes == 0) {
      object.Set(key, env.Null());
      return;
    }
    const FreshMemory memory = fresh_memory(env, bytes);
    write(Cutter(memory.data));
    object.Set(key, memory.buffer);
  };
  block("fills", events.fills.size() * kFillBytes, [&](Cutter to) {
    to.fill<std::uint64_t>(events.fills, [](const auto& f) { return f.trade.maker_id; });
    to.fill<std::uint64_t>(events.fills, [](const auto& f) { return f.trade.taker_id; });
    to.fill<std::int64_t>(events.fills, [](const auto& f) { return f.trade.price.ticks; });
    to.fill<std::uint64_t>(events.fills, [](const auto& f) { return f.trade.quantity; });
    to.fill<std::uint32_t>(events.fills, [](const auto& f) { return f.row; });
    to.fill<std::uint8_t>(events.fills, [](const auto& f) { return f.trade.taker_side; });
  });
  block("removals", events.removals.size() * kRemovalBytes, [&](Cutter to) {
    to.fill<std::uint64_t>(events.removals, [](const auto& r) { return r.cancelled.id; });
    to.fill<std::uint64_t>(events.removals, [](const auto& r) { return r.cancelled.quantity; });
    to.fill<std::uint32_t>(events.removals, [](const auto& r) { return r.row; });
    to.fill<std::uint8_t>(events.removals, [](const auto& r) { return r.cancelled.reason; });
  });
  block("triggers", events.triggers.size() * kTriggerBytes, [&](Cutter to) {
    to.fill<std::uint64_t>(events.triggers, [](const auto& t) { return t.id; });
    to.fill<std::uint32_t>(events.triggers, [](const auto& t) { return t.row; });
  });
}

}  // namespace flowstate::binding
