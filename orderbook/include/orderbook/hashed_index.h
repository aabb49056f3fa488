// Any 64-bit ids: open addressing with linear probing, at most half full, and erasing by shifting back, so that no
// tombstones lengthen the probes as orders come and go. Multiplicative (Fibonacci) hashing: consecutive ids spread.
// Doubles when half full: below BookOptions::expected_orders live orders it never allocates.
#pragma once

#include <algorithm>
#include <bit>

#include "orderbook/detail/compiler.h"
#include "orderbook/detail/zeroed_array.h"
#include "orderbook/id_index.h"

namespace orderbook {

template <class Record>
class HashedIndex {
 public:
  static constexpr bool kHasIds = true;

  explicit HashedIndex(const BookOptions& options) {
    const std::size_t slots =
        std::bit_ceil(std::max<std::size_t>(static_cast<std::size_t>(options.expected_orders) * 2, 16));
    slots_.grow(slots);
    set_mask(slots);
  }

  [[nodiscard]] bool admits(OrderId) const noexcept { return true; }

  void make_room(OrderId) {
    if (size_ * 2 >= slots_.size()) [[unlikely]]
      grow();
  }

  [[nodiscard]] Record* find(OrderId id) noexcept {
    for (std::size_t i = home(id);; i = (i + 1) & mask_) {
      Slot& slot = slots_[i];
      if (!slot.record.present()) return nullptr;
      if (slot.id == id) return &slot.record;
    }
  }

  [[nodiscard]] Record* insert(OrderId id) noexcept {
    std::size_t i = home(id);
    while (slots_[i].record.present()) i = (i + 1) & mask_;
    slots_[i].id = id;
    ++size_;
    return &slots_[i].record;
  }

  void erase(OrderId, Record* record) noexcept {
    std::size_t hole = static_cast<std::size_t>(
        reinterpret_cast<Slot*>(reinterpret_cast<std::byte*>(record) - offsetof(Slot, record)) -
        slots_.data());
    for (std::size_t i = hole;;) {
      i = (i + 1) & mask_;
      if (!slots_[i].record.present()) break;
      // An entry may move back to the hole unless its home lies behind the hole.
      if (((i - home(slots_[i].id)) & mask_) >= ((i - hole) & mask_)) {
        slots_[hole] = slots_[i];
        hole = i;
      }
    }
    slots_[hole].record = Record{};
    --size_;
  }

  void prefetch(OrderId id) const noexcept { detail::prefetch(&slots_[home(id)]); }
  void prefault() noexcept { slots_.prefault(); }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t bytes() const noexcept { return slots_.bytes(); }

  template <class F>
  void for_each(F&& visit) const {
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      if (slots_[i].record.present()) visit(slots_[i].id, slots_[i].record);
    }
  }

 private:
  struct Slot {
    OrderId id;
    Record record;
  };

  [[nodiscard]] std::size_t home(OrderId id) const noexcept {
    return static_cast<std::size_t>(id * 0x9E3779B97F4A7C15ull >> shift_);
  }

  void set_mask(std::size_t slots) noexcept {
    mask_ = slots - 1;
    shift_ = 64 - static_cast<unsigned>(std::countr_zero(slots));
  }

  ORDERBOOK_NOINLINE void grow() {
    detail::ZeroedArray<Slot> old(slots_.size() * 2);
    std::swap(old, slots_);
    set_mask(slots_.size());
    size_ = 0;
    for (std::size_t i = 0; i < old.size(); ++i) {
      if (old[i].record.present()) *insert(old[i].id) = old[i].record;
    }
  }

  detail::ZeroedArray<Slot> slots_;
  std::size_t mask_ = 0;
  std::size_t size_ = 0;
  unsigned shift_ = 0;
};

}  // namespace orderbook
