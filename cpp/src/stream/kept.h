// Emitted left rows that a late right row may still change, with what they matched. They stay until the watermarks,
// less the horizon, have passed everything that could replace their matches: the rule of finality once more.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "right_side.h"
#include "row_store.h"

namespace flowstate::stream {

// Words of a left record when rows are kept, after the N codes.
struct KeptLayout {
  int streams = 0;
  int row_id() const noexcept { return streams; }       // -1: dropped by an inner stream, never put out
  int changed() const noexcept { return streams + 1; }  // 1: listed for revision
  int shown(int s) const noexcept { return streams + 2 + s; }  // slot matched in the last output
  int current(int s) const noexcept { return 2 * streams + 2 + s; }
  int words() const noexcept { return 3 * streams + 2; }
};

class Kept {
 public:
  explicit Kept(int streams) : layout_{streams} {}

  const KeptLayout& layout() const noexcept { return layout_; }
  // Room for `rows` more. Throws std::bad_alloc.
  void reserve(std::int64_t rows);
  // An emitted row: the record's reference passes here, and its matches are kept. Codes are in the record.
  void add(std::uint32_t slot, std::int64_t row_id, const std::uint32_t* matches, RowStore& left,
           std::vector<RightSide>& rights) noexcept;

  // Visits kept rows of a key, newest first, until visit(slot) is false.
  template <typename Visit>
  void each_of(const KeyRows& key, int stream, Visit&& visit) const {
    for (std::int64_t i = key.kept; i >= first_; i = previous_[at(i, stream)]) {
      const std::uint32_t slot = slots_[static_cast<std::size_t>(i - first_)];
      if (slot != kNoSlot && !visit(slot)) return;
    }
  }

  // Takes out rows for which expired(slot). From the front always, from everywhere once it pays.
  template <typename Expired>
  void expire(RowStore& left, std::vector<RightSide>& rights, bool all, Expired&& expired) noexcept {
    if (all || live_ > 2 * swept_ + 256) {
      for (std::uint32_t& slot : slots_) {
        if (slot != kNoSlot && expired(slot)) drop(slot, left, rights);
      }
      swept_ = live_;
    }
    while (!slots_.empty() && (slots_.front() == kNoSlot || expired(slots_.front()))) {
      if (slots_.front() != kNoSlot) drop(slots_.front(), left, rights);
      slots_.pop_front();
      previous_.erase(previous_.begin(), previous_.begin() + layout_.streams);
      ++first_;
    }
  }

  template <typename Visit>
  void each(Visit&& visit) const {
    for (const std::uint32_t slot : slots_) {
      if (slot != kNoSlot) visit(slot);
    }
  }

  std::int64_t first() const noexcept { return first_; }
  std::int64_t live() const noexcept { return live_; }
  std::vector<std::uint32_t>& changed() noexcept { return changed_; }
  const std::vector<std::uint32_t>& changed() const noexcept { return changed_; }

 private:
  std::size_t at(std::int64_t index, int stream) const noexcept {
    return static_cast<std::size_t>((index - first_) * layout_.streams + stream);
  }
  void drop(std::uint32_t& slot, RowStore& left, std::vector<RightSide>& rights) noexcept;

  KeptLayout layout_;
  std::deque<std::uint32_t> slots_;    // by order of emission; kNoSlot: gone
  std::deque<std::int64_t> previous_;  // per row and stream: the kept row of the same key before it
  std::int64_t first_ = 0;
  std::int64_t live_ = 0;
  std::int64_t swept_ = 0;
  std::vector<std::uint32_t> changed_;  // left slots to revise
};

}  // namespace flowstate::stream
