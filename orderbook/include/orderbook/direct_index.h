// Ids as array indices: one load. For ids that a venue or a simulator counts upwards from a small number. Memory is
// proportional to the greatest id seen, at most BookOptions::max_dense_id; greater ones are refused (Reject::kBadId).
#pragma once

#include <algorithm>

#include "orderbook/detail/compiler.h"
#include "orderbook/detail/zeroed_array.h"
#include "orderbook/id_index.h"

namespace orderbook {

template <class Record>
class DirectIndex {
 public:
  static constexpr bool kHasIds = true;

  explicit DirectIndex(const BookOptions& options)
      : max_id_(options.max_dense_id),
        records_(static_cast<std::size_t>(std::min(options.expected_ids, options.max_dense_id)) + 1) {}

  [[nodiscard]] bool admits(OrderId id) const noexcept { return id < records_.size() || id <= max_id_; }

  void make_room(OrderId id) {
    if (id >= records_.size()) [[unlikely]]
      grow(id);
  }

  [[nodiscard]] Record* find(OrderId id) noexcept {
    if (id >= records_.size()) return nullptr;
    Record* record = &records_[id];
    return record->present() ? record : nullptr;
  }

  [[nodiscard]] Record* insert(OrderId id) noexcept {
    ++size_;
    return &records_[id];
  }

  void erase(OrderId, Record* record) noexcept {
    *record = Record{};
    --size_;
  }

  void prefetch(OrderId id) const noexcept {
    if (id < records_.size()) detail::prefetch(&records_[id]);
  }
  void prefault() noexcept { records_.prefault(); }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t bytes() const noexcept { return records_.bytes(); }

  template <class F>
  void for_each(F&& visit) const {
    for (std::size_t id = 0; id < records_.size(); ++id) {
      if (records_[id].present()) visit(static_cast<OrderId>(id), records_[id]);
    }
  }

 private:
  ORDERBOOK_NOINLINE void grow(OrderId id) {
    const std::size_t all = static_cast<std::size_t>(max_id_) + 1;
    records_.grow(std::min(all, std::max(records_.size() * 2, static_cast<std::size_t>(id) + 1)));
  }

  OrderId max_id_;
  std::size_t size_ = 0;
  detail::ZeroedArray<Record> records_;
};

}  // namespace orderbook
