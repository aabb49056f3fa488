// Key columns as blocks of fixed-size values that compare with ==: whatever type the column has, the coders in
// keys.cc see only 64-bit words, pairs of words, or (pointer, length).
//   numbers, bools      the value as a word (floats: canonical bits)
//   bytes up to 7 long  the bytes and, on top, the length: one word
//   up to 15 long       two words the same way
//   longer              pointer and length
#pragma once

#include <cstdint>

#include "context.h"
#include "dictionary.h"

namespace flowstate::asof {

inline constexpr std::int64_t kKeyBlock = 1024;
inline constexpr std::int64_t kWordBytes = 7;
inline constexpr std::int64_t kPairBytes = 15;

// Where key values come from: a column that is not a dictionary, or two arrays of codes to combine.
struct Leaf {
  const Column* column = nullptr;
  std::int64_t scale = 1;
  bool unsigned_foreign = false;
  bool unchecked = false;  // the column's row checks are still to be made
  const std::int32_t* codes_a = nullptr;
  const std::int32_t* codes_b = nullptr;
  std::int64_t radix = 0;  // the pair's word is a * radix + b
  std::int64_t pair_rows = 0;

  std::int64_t rows() const noexcept { return column != nullptr ? column->rows() : pair_rows; }
  std::vector<Piece> pieces() const;
};

enum KeyState : std::uint8_t { kKeyValid = 0, kKeyNull = 1, kKeyDead = 2 };

bool is_bytes(ColumnType type) noexcept;

// Longest value of a bytes column, null rows included; may stop once it is past `enough`. Where the column is
// `unchecked` its offsets are checked on the way, all of them: CORRUPT.
std::int64_t longest_value(const Context& context, const Column& column, std::int64_t enough, bool unchecked);

// Read `count` (at most kKeyBlock) values from `begin` of the piece. `states` is filled only when the result, "some
// value is not valid", is true; words of such values are 0. Bytes too long for the block's kind are kKeyDead: the
// kind is chosen so that all right values fit, so a longer left value equals none of them.
bool read_keys(const Leaf& leaf, const Piece& piece, std::int64_t begin, std::int64_t count, WordKey* keys,
               std::uint8_t* states);
bool read_keys(const Leaf& leaf, const Piece& piece, std::int64_t begin, std::int64_t count, PairKey* keys,
               std::uint8_t* states);
bool read_keys(const Leaf& leaf, const Piece& piece, std::int64_t begin, std::int64_t count, BytesKey* keys,
               std::uint8_t* states);

}  // namespace flowstate::asof
