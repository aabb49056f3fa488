// A right side made ready to be matched. The kernels only ever answer one question, "which is the last row of this
// key whose t is <= (or <) the left time", over an ascending t; everything else is expressed in this structure:
//
//   visibility    t is the time from which a row can be seen, max(r + lag, known, r or r + 1), rows are in that
//                 order, and back[j] is the best row (largest r, then the tie rule) among j and earlier ones
//   ties: first   back[j] is the first row of j's run of equal times
//   forward       next[j] is the following row of the same key, next[count + code] a key's first row; so the
//                 forward choice is next of the backward question, and "nothing before" has an answer too
//   ties: last    forward[j] is the last row of j's run
//
// Positions are uint32; kernels answer "none" with kNone, or, where there are keys and `next`, with count + code.
#pragma once

#include <cstdint>

#include "context.h"
#include "flowstate/memory/buffer.h"
#include "order.h"
#include "times.h"

namespace flowstate::asof {

struct Visibility {
  Buffer t_owned;
  Buffer code_owned;
  const std::int64_t* t = nullptr;     // input order
  const std::int32_t* code = nullptr;  // rows that are never visible are kDeadRight
  bool ascending = true;
};

// The smallest left time that sees each right row. A backward choice also needs r <= t (or r + 1 <= t), and folding
// that in leaves it one bound to find; a forward choice must not.
enum class Fold : std::uint8_t { kNothing, kTime, kTimePlusOne };

// `known` null: no such column. O(n).
Visibility visible_times(const Times& times, const Times* known, const StreamRequest& request,
                         const std::int32_t* code, Fold fold);

struct RightSequence {
  Ordered order;
  Buffer back;         // int32 input rows
  Buffer forward;      // int32 input rows
  Buffer next;         // uint32 positions, count + groups entries
  Buffer later;        // uint32: the following row of the key with a larger t (nearest without exact matches)
  std::int32_t groups = kFirstKey + 1;

  bool chained() const noexcept { return !next.empty(); }
};

struct SequenceNeeds {
  bool best = false;     // back[]: running best by (r, tie)
  bool chain = false;    // next[]
  bool later = false;    // later[]
  bool forward = false;  // forward[]
};

// Adds what is needed to an ordering; r_time is by input row. O(count + groups).
RightSequence prepare_right(const Context& context, Ordered order, std::int32_t groups, const std::int64_t* r_time,
                            bool last_of_ties, SequenceNeeds needs);

}  // namespace flowstate::asof
