// Dense codes of keys: the distinct words of the right side by sort and sum, those of the left by search. Codes begin at
// `first`; null and dead rows get codes of their own (functors/asof.h).
#pragma once

#include <cstddef>
#include <cstdint>

#include "flowstate/functors/asof.h"
#include "flowstate/functors/atomic.h"
#include "flowstate/functors/cells.h"
#include "flowstate/functors/hd.h"

namespace flowstate::functors {

struct KeyCodes {
  std::int32_t first = kFirstLiveCode;
  std::int32_t null_code = 0;
  std::int32_t dead_code = 0;
  FS_HD std::int32_t other(KeyState state) const noexcept {
    return state == KeyState::kNull ? null_code : dead_code;
  }
};

// flag[i] = 1 where an ascending word differs from the one before it.
struct FirstOfEqualElement {
  const std::int64_t* word;
  std::int64_t* flag;
  FS_HD void operator()(std::size_t i) const noexcept { flag[i] = i == 0 || word[i] != word[i - 1] ? 1 : 0; }
};

// From ascending words, their flags and the sum of the flags before each: the distinct words, and each row's code.
struct RankElement {
  const std::int64_t* word;
  const std::int64_t* flag;
  const std::int64_t* before;
  const std::uint32_t* row;
  const KeyState* state;  // by row
  KeyCodes codes;
  std::int64_t* distinct;
  std::int32_t* code;  // by row
  FS_HD void operator()(std::size_t i) const noexcept {
    if (flag[i] != 0) distinct[before[i]] = word[i];
    const KeyState is = state[row[i]];
    code[row[i]] = is == KeyState::kValid ? codes.first + static_cast<std::int32_t>(before[i] + flag[i] - 1)
                                          : codes.other(is);
  }
};

// The code of each word; the dead one where `distinct` does not have it.
struct FindCodeElement {
  const std::int64_t* word;
  const KeyState* state;
  const std::int64_t* distinct;
  std::uint32_t count;
  KeyCodes codes;
  std::int32_t* code;
  FS_HD void operator()(std::size_t i) const noexcept {
    if (state[i] != KeyState::kValid) {
      code[i] = codes.other(state[i]);
      return;
    }
    const std::uint32_t at = bound_of(distinct, 0, count, word[i], false);
    code[i] =
        at < count && distinct[at] == word[i] ? codes.first + static_cast<std::int32_t>(at) : codes.dead_code;
  }
};

// Two columns' codes as one word.
struct PairWordElement {
  const std::int32_t* a;
  const std::int32_t* b;
  std::int64_t* word;
  KeyState* state;
  FS_HD void operator()(std::size_t i) const noexcept {
    const bool is_dead = a[i] < kFirstLiveCode || b[i] < kFirstLiveCode;
    state[i] = is_dead ? KeyState::kDead : KeyState::kValid;
    word[i] = is_dead ? 0
                      : static_cast<std::int64_t>((static_cast<std::uint64_t>(a[i]) << 32) |
                                                  static_cast<std::uint32_t>(b[i]));
  }
};

// The word of each row's dictionary entry.
struct EntryWordElement {
  Cells index;
  std::int64_t entries;
  const std::int64_t* entry_word;
  const KeyState* entry_state;
  std::int64_t* word;
  KeyState* state;
  std::uint64_t* outside;  // the first row whose index is none of the dictionary's
  FS_HD void operator()(std::size_t i) const noexcept {
    word[i] = 0;
    state[i] = KeyState::kNull;
    if (!index.is_valid(i)) return;
    const std::int64_t entry = integer_of(index, i);
    if (entry < 0 || entry >= entries) return atomic_min(outside, i);
    word[i] = entry_word[entry];
    state[i] = entry_state[entry];
  }
};

// The code of each row's dictionary entry, by a table: numbers from 0 below `known`, -1 for null; others are dead.
struct EntryCodeElement {
  Cells index;
  std::int64_t entries;
  const std::int32_t* number;
  std::int32_t known;
  KeyCodes codes;
  std::int32_t* code;
  std::uint64_t* outside;
  FS_HD void operator()(std::size_t i) const noexcept {
    code[i] = codes.null_code;
    if (!index.is_valid(i)) return;
    const std::int64_t entry = integer_of(index, i);
    if (entry < 0 || entry >= entries) return atomic_min(outside, i);
    const std::int32_t at = number[entry];
    if (at >= 0) code[i] = at < known ? codes.first + at : codes.dead_code;
  }
};

// Rows without a time match nothing. `from` null: one key.
struct LiveCodeElement {
  const std::int32_t* from;
  const std::uint8_t* dead;  // null: none is
  std::int32_t dead_code;
  std::int32_t* code;
  FS_HD void operator()(std::size_t i) const noexcept {
    const bool is_dead = dead != nullptr && dead[i] != 0;
    code[i] = is_dead ? dead_code : from == nullptr ? kFirstLiveCode : from[i];
  }
};

// From when on a row can be seen: from its time + lag, and from the time it became known. Rows that never can become
// dead. As visible_times() of asof/right_sequence.cc.
struct SeenElement {
  const std::int64_t* t;
  const std::int64_t* known;       // null: no such column
  const std::uint8_t* known_dead;  // null: none is
  bool is_float;
  bool has_lag;
  std::int64_t lag;
  double lag_float;
  std::int32_t* code;
  std::int64_t* seen;
  FS_HD void operator()(std::size_t i) const noexcept {
    std::int64_t from = INT64_MIN;
    bool never = code[i] < kFirstLiveCode;
    if (has_lag && !never) {
      if (is_float) {
        from = ordered_bits(from_ordered_bits(t[i]) + lag_float);
      } else if (t[i] > INT64_MAX - lag) {
        never = true;
      } else {
        from = t[i] + lag;
      }
    }
    if (known != nullptr) {
      never = never || (known_dead != nullptr && known_dead[i] != 0);
      if (known[i] > from) from = known[i];
    }
    seen[i] = from;
    if (never) code[i] = 1;
  }
};

// Of rows grouped by code in input order (`row` null: as they lie, one key), the first that is earlier than its
// predecessor: (row << 32 | predecessor) into *first.
struct GroupDescentElement {
  const std::int64_t* t;
  const std::int32_t* code;  // by position; null: one key
  const std::uint32_t* row;
  std::uint64_t* first;
  FS_HD void operator()(std::size_t i) const noexcept {
    if (i == 0 || (code != nullptr && (code[i] < kFirstLiveCode || code[i] != code[i - 1]))) return;
    const std::uint64_t mine = row == nullptr ? i : row[i];
    const std::uint64_t before = row == nullptr ? i - 1 : row[i - 1];
    if (t[mine] < t[before]) atomic_min(first, (mine << 32) | before);
  }
};

}  // namespace flowstate::functors
