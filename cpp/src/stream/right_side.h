// The right rows of one stream: by key, in order of time, and only those that some coming left row can still match.
#pragma once

#include <cstdint>
#include <vector>

#include "clock.h"
#include "key_rows.h"
#include "key_table.h"
#include "row_store.h"

namespace flowstate::stream {

enum class Why : std::uint8_t { kMatched, kNoCandidate, kTooFar };

struct Verdict {
  std::uint32_t slot = kNoSlot;
  std::int64_t time = 0;  // of the winner, too far ones included
  Why why = Why::kNoCandidate;
  bool final = false;
};

class RightSide {
 public:
  explicit RightSide(const StreamShape& shape);

  const StreamRules& rules() const noexcept { return rules_; }
  RowStore& rows() noexcept { return rows_; }
  const RowStore& rows() const noexcept { return rows_; }
  KeyTable& keys() noexcept { return keys_; }
  const KeyTable& keys() const noexcept { return keys_; }
  KeyRows& key(std::int32_t code) noexcept { return by_key_[static_cast<std::size_t>(code)]; }
  const KeyRows& key(std::int32_t code) const noexcept { return by_key_[static_cast<std::size_t>(code)]; }
  // Room for every code that the table has given. Throws std::bad_alloc.
  void reserve_keys();
  void prefetch(std::int32_t code) const noexcept {
    if (code >= 0)
      prefetch_read(by_key_.data(),
                    static_cast<std::int64_t>(code) * static_cast<std::int64_t>(sizeof(KeyRows)));
  }

  std::int64_t known(std::uint32_t slot) const noexcept { return rows_.word(slot, 1); }
  std::int32_t code(std::uint32_t slot) const noexcept {
    return static_cast<std::int32_t>(rows_.word(slot, 0));
  }
  void set_code(std::uint32_t slot, std::int32_t code) noexcept { rows_.word(slot, 0) = code; }
  void set_known(std::uint32_t slot, std::int64_t known) noexcept { rows_.word(slot, 1) = known; }

  // Files rows whose records are written, in this order. Throws std::bad_alloc; nothing is filed then.
  void insert(const std::uint32_t* slots, std::int64_t count);

  // What the left row at aligned t matches now, and whether that is final under watermark `w`.
  Verdict judge(std::int32_t code, std::int64_t t, std::int64_t w, bool ended) const noexcept;
  // Where the match is the last row at or before t, if that is near enough, and no more to it: what most streams ask, and
  // judge() then gives, but for whether it is final.
  bool is_plain() const noexcept { return plain_; }
  Verdict judge_plain(std::int32_t code, std::int64_t t) const noexcept {
    Verdict verdict;
    if (code < 0) return verdict;
    const KeyRows& rows = key(code);
    const Place place = rows.last_upto(t);
    if (!place.found()) return verdict;
    verdict.time = rows.time(place);
    if (rules_.too_far(t, verdict.time)) {
      verdict.why = Why::kTooFar;
    } else {
      verdict.why = Why::kMatched;
      verdict.slot = rows.slot(place);
    }
    return verdict;
  }
  // Whether candidate `slot` (at r) is chosen for t over what was chosen before; for rows emitted already.
  bool beats(std::int64_t t, std::uint32_t slot, std::uint32_t chosen) const noexcept;

  // Drops what no left row at or after `low` can match. Looks at the listed keys when `work` rows have paid for it.
  void evict(std::int64_t low, bool none_left, bool exactly) noexcept;
  void count_work(std::int64_t rows) noexcept { work_ += rows; }

  std::int64_t filed() const noexcept { return filed_; }
  std::int64_t bytes() const noexcept {
    return rows_.bytes() + filed_ * 12 + keys_.bytes() +
           keys_.live() * static_cast<std::int64_t>(sizeof(KeyRows));
  }
  // Every filed row, in no order.
  std::vector<std::uint32_t> all() const;
  // `used`: codes that left rows refer to, kept ones included.
  void forget_keys(const std::vector<std::uint8_t>& used);
  void clear() noexcept;

 private:
  Place behind(const KeyRows& key, std::int64_t t) const noexcept;
  Place ahead(const KeyRows& key, std::int64_t t) const noexcept;
  void evict_key(KeyRows& key, std::int64_t low, bool none_left) noexcept;
  bool may_evict(const KeyRows& key) const noexcept {
    return key.count() > (rules_.looks_behind() && !rules_.has_tolerance ? 1u : 0u);
  }

  StreamRules rules_;
  bool plain_;
  RowStore rows_;
  KeyTable keys_;
  std::vector<KeyRows> by_key_;
  SpareRuns spare_;
  std::vector<std::int32_t> listed_;  // keys that may have rows to evict
  std::int64_t filed_ = 0;
  std::int64_t work_ = 0;
  std::int64_t low_ = kBegin;  // of the last look at all listed keys
};

}  // namespace flowstate::stream
