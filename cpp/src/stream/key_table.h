// Key values of one stream as small numbers that stay the same while anything refers to them. Every key is a pair of
// words: numbers are one word, bytes up to 15 long are packed with their length, longer ones and compounds are
// numbered by their bytes in a second table. Keys that nothing refers to are forgotten by rebuilding, so the tables
// grow with the live keys and not with the stream.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "asof/key_reader.h"
#include "flowstate/stream/streaming_join.h"

namespace flowstate::stream {

inline constexpr std::int32_t kNullKey = -1;  // null under 'distinct': matches nothing
inline constexpr std::int32_t kDeadKey = -2;  // equals nothing that the other side can hold

// The canonical value of a key, for snapshots.
struct KeyText {
  enum class Form : std::uint8_t { kNull, kWord, kBytes } form = Form::kNull;
  std::uint64_t word = 0;
  std::string bytes;
};

class KeyTable {
 public:
  KeyTable(std::vector<KeyShape> shapes, bool null_keys_equal);

  // Codes of a batch's rows, new ones for new keys. `right`: which side's scales apply. Throws SCHEMA.
  void code(const std::vector<Column>& columns, std::int64_t rows, bool right, std::int32_t* out);

  // 1 for rows whose code would be kNullKey, without learning their keys.
  void mark_nulls(const std::vector<Column>& columns, std::uint8_t* out) const noexcept;

  // Codes are below this.
  std::int32_t limit() const noexcept { return limit_; }
  std::int32_t live() const noexcept { return live_; }
  std::int64_t bytes() const noexcept;

  // Whether so many keys came since the last forgetting that looking at all of them is paid for.
  bool crowded(std::int64_t also) const noexcept {
    return fresh_ >= 1024 && fresh_ * 2 >= live_ && fresh_ * 4 >= also;
  }
  // Keeps the keys with alive[code]; others' codes will be given again. Throws std::bad_alloc, changing nothing.
  void forget(const std::vector<std::uint8_t>& alive);

  // By code: the values of its columns.
  std::vector<std::vector<KeyText>> texts() const;
  // What the columns hold, as met so far: words are kInt64, kUInt64 or kFloat64, else kBytes64.
  const std::vector<ColumnType>& forms() const noexcept { return forms_; }
  void clear() noexcept;

 private:
  struct Slot {
    std::uint64_t a = 0;
    std::uint64_t b = 0;
    std::int32_t code = -1;
  };
  // Bytes numbered; entries live in `text_`.
  struct Long {
    std::uint64_t offset;
    std::uint32_t length;
    std::uint64_t hash;
  };

  void note_form(std::size_t column, const Column& leaf);
  void code_words(const Column& column, std::int64_t rows, bool right, std::int32_t* out);
  void code_bytes(const Column& column, std::int64_t rows, bool right, std::int32_t* out);
  void code_many(const std::vector<Column>& columns, std::int64_t rows, bool right, std::int32_t* out);
  void code_pairs(const asof::PairKey* keys, const std::uint8_t* states, std::int64_t count,
                  std::int32_t* out);
  std::int32_t find_or_insert(const asof::PairKey& key, std::uint64_t hash);
  asof::PairKey pair_of_bytes(const std::uint8_t* data, std::int64_t length);
  std::uint32_t intern(const std::uint8_t* data, std::int64_t length);
  void grow();
  static void place(std::vector<Slot>& slots, const Slot& slot) noexcept;

  std::vector<KeyShape> shapes_;
  bool nulls_equal_;
  std::vector<ColumnType> forms_;
  std::vector<Slot> slots_;
  std::vector<std::int32_t> free_;  // codes to give again
  std::int32_t limit_ = 0;
  std::int32_t live_ = 0;
  std::int64_t fresh_ = 0;  // keys inserted since the last forgetting
  std::vector<Long> longs_;
  std::vector<std::uint32_t> long_slots_;  // index + 1 into longs_
  std::vector<std::uint8_t> text_;
  std::vector<std::uint8_t> compound_;  // scratch
};

}  // namespace flowstate::stream
