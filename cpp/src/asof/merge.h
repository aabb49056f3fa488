// The merge: both sides ascending, one pass, a table of the last row seen per key code.
//
// The left is cut into chunks, each with its own place in the right and its own table, so that chunks can run on
// different threads, and two of them interleaved on one: a step's loads depend on the step before it, and a second
// chain of steps fills the wait.
#pragma once

#include <cstdint>
#include <vector>

#include "choose.h"
#include "context.h"
#include "flowstate/memory/buffer.h"
#include "right_sequence.h"

namespace flowstate::asof {

// Left rows per block: 8 KB of answers and 8 KB of codes, half of a first-level cache. A multiple of 64.
inline constexpr std::int64_t kMergeBlock = 2048;

// Where the code of an answer's row is, counted from the answer. More than a block, so that no code lies a multiple
// of 4 KB behind an answer that is still on its way to memory: the processor takes the two for one address.
inline constexpr std::int64_t kCodePlace = kMergeBlock + 16;

// A block's answers and, from kCodePlace on, its left codes. One pointer serves a lane for both.
struct MergeScratch {
  alignas(64) std::uint32_t cells[kCodePlace + kMergeBlock];

  std::uint32_t* raw() noexcept { return cells; }
  std::int32_t* codes() noexcept { return reinterpret_cast<std::int32_t*>(cells + kCodePlace); }
};

// One chunk's progress. `out` is a MergeScratch shifted so that out[i] is the answer of left row i; where there are
// keys, out[i + kCodePlace] is its code. Callers shift it block by block.
struct Lane {
  std::int64_t i = 0;
  std::int64_t end = 0;
  std::int64_t j = 0;
  std::uint32_t* last = nullptr;  // null: no keys
  std::uint32_t* out = nullptr;
};

struct MergeInput {
  const std::int64_t* lt;
  const std::int64_t* rt;
  const std::int32_t* rc;  // null: no keys
  std::int64_t right_count;
  bool strict;
};

// Runs each lane to its end. O(left rows + right rows passed).
void merge_lanes(const MergeInput& input, Lane* lanes, int count) noexcept;

// How many right rows the left time `t` has behind it.
std::int64_t rows_before(const std::int64_t* rt, std::int64_t count, std::int64_t t, bool strict) noexcept;

// Last-seen tables at the given (ascending) right positions, one after another, `groups` entries each. Codes not
// seen are kNone, or right count + code where the sequence is chained. O(right rows) at worst, less where every
// code is seen soon; parallel by chunk.
Buffer start_tables(const Context& context, const RightSequence& right,
                    const std::vector<std::int64_t>& positions);

// One stream's side of a chunked merge: where each chunk begins in the right, and its table.
class MergeRun {
 public:
  // `cuts` are the left rows where chunks begin, and the end. lt is in the order of time; where it only seems to be,
  // every access stays in bounds and the answers are worth nothing.
  MergeRun(const Context& context, const std::int64_t* lt, const RightSequence& right, bool strict,
           const std::vector<std::int64_t>& cuts);

  // Chunk k's lane at its beginning; end and out are for the caller to set.
  Lane lane(std::size_t k) noexcept;
  const MergeInput& input() const noexcept { return input_; }

 private:
  MergeInput input_;
  std::vector<std::int64_t> cuts_;
  std::vector<std::int64_t> positions_;
  Buffer tables_;
  std::size_t groups_ = 0;
};

struct MergeSides {
  const std::int64_t* lt;
  const RightSequence* right;
  bool strict;
};

// Cuts the left so that every chunk has about the same number of left and right rows, all streams counted. Cuts are
// multiples of 64 (a word of a bitmap), ascending, the first 0 and the last left_rows.
std::vector<std::int64_t> cut_left(std::int64_t left_rows, const std::vector<MergeSides>& streams,
                                   std::int64_t chunks);

// The merge over a left that had to be sorted: answers go to the rows' places in the input.
void match_ordered(const Context& context, const Ordered& left, const RightSequence& right,
                   const Choice& choice, bool strict, const std::int32_t* forward_rows, std::int32_t* match,
                   Tally& tally);

}  // namespace flowstate::asof
