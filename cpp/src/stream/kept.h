// Emitted left rows that a late right row may still change, with what they matched. They stay until the watermarks,
// less the horizon, have passed everything that could replace their matches: the rule of finality once more.
#pragma once

#include <cstdint>
#include <vector>

#include "right_side.h"
#include "row_store.h"

namespace flowstate::stream {

// Words of a left record when rows are kept, after the N codes.
struct KeptLayout {
  int streams = 0;
  int row_id() const noexcept { return streams; }
  int changed() const noexcept { return streams + 1; }         // 1: listed for revision
  int shown(int s) const noexcept { return streams + 2 + s; }  // slot matched in the last output
  int current(int s) const noexcept { return 2 * streams + 2 + s; }
  int words() const noexcept { return 3 * streams + 2; }
};

class Kept {
 public:
  explicit Kept(int streams) : layout_{streams} {}

  const KeptLayout& layout() const noexcept { return layout_; }
  // Room for `rows` more, and for all of them to be listed for revision. Throws std::bad_alloc.
  void reserve(std::int64_t rows);
  // An emitted row: the record's reference passes here, and its matches are kept. Codes are in the record.
  void add(std::uint32_t slot, std::int64_t row_id, const std::uint32_t* matches, RowStore& left,
           std::vector<RightSide>& rights) noexcept;

  // Visits kept rows of a key, newest first, until visit(slot) is false.
  template <typename Visit>
  void each_of(const KeyRows& key, int stream, Visit&& visit) const {
    for (std::int64_t i = key.kept; i >= first(); i = previous_[at(i, stream)]) {
      const std::uint32_t slot = slots_[static_cast<std::size_t>(i - base_)];
      if (slot != kNoSlot && !visit(slot)) return;
    }
  }

  // Takes out rows for which expired(slot). From the front always, from everywhere once it pays.
  template <typename Expired>
  void expire(RowStore& left, std::vector<RightSide>& rights, bool all, Expired&& expired) noexcept {
    if (all || live_ > 2 * swept_ + 256) {
      for (std::size_t i = head_; i < slots_.size(); ++i) {
        if (slots_[i] != kNoSlot && expired(slots_[i])) drop(slots_[i], left, rights);
      }
      swept_ = live_;
    }
    while (head_ < slots_.size() && (slots_[head_] == kNoSlot || expired(slots_[head_]))) {
      if (slots_[head_] != kNoSlot) drop(slots_[head_], left, rights);
      ++head_;
    }
    if (head_ >= kTidyFrom && head_ * 2 > slots_.size()) give_up_front();
  }

  template <typename Visit>
  void each(Visit&& visit) const {
    for (std::size_t i = head_; i < slots_.size(); ++i) {
      if (slots_[i] != kNoSlot) visit(slots_[i]);
    }
  }

  std::int64_t first() const noexcept { return base_ + static_cast<std::int64_t>(head_); }
  std::int64_t live() const noexcept { return live_; }
  std::vector<std::uint32_t>& changed() noexcept { return changed_; }
  const std::vector<std::uint32_t>& changed() const noexcept { return changed_; }

 private:
  static constexpr std::size_t kTidyFrom = 256;

  std::size_t at(std::int64_t index, int stream) const noexcept {
    return static_cast<std::size_t>((index - base_) * layout_.streams + stream);
  }
  void give_up_front() noexcept;
  void drop(std::uint32_t& slot, RowStore& left, std::vector<RightSide>& rights) noexcept;

  KeptLayout layout_;
  // By order of emission from number `base_` on; the first `head_` are given up. Vectors, as only those can promise room
  // beforehand: adding a row must not fail.
  std::vector<std::uint32_t> slots_;    // kNoSlot: gone
  std::vector<std::int64_t> previous_;  // per row and stream: the kept row of the same key before it
  std::int64_t base_ = 0;
  std::size_t head_ = 0;
  std::int64_t live_ = 0;
  std::int64_t swept_ = 0;
  std::vector<std::uint32_t> changed_;  // left slots to revise
};

}  // namespace flowstate::stream
