// From an order's id to its record. Policies: DirectIndex (an array, dense ids), HashedIndex (any ids), NoIndex (feeds
// that name prices, not orders).
#pragma once

#include <concepts>
#include <cstddef>

#include "orderbook/options.h"
#include "orderbook/types.h"

namespace orderbook {

// A record's zero bytes mean absent. Pointers stay valid until the next make_room, insert or erase.
template <class I, class Record>
concept IdIndex = std::constructible_from<I, const BookOptions&> &&
                  requires(I& index, const I& k, OrderId id, Record* record) {
                    { I::kHasIds } -> std::convertible_to<bool>;
                    { k.admits(id) } noexcept -> std::same_as<bool>;         // can this id ever be held
                    { index.make_room(id) } -> std::same_as<void>;           // may throw std::bad_alloc
                    { index.find(id) } noexcept -> std::same_as<Record*>;    // nullptr: absent
                    { index.insert(id) } noexcept -> std::same_as<Record*>;  // absent, admitted, room made
                    { index.erase(id, record) } noexcept -> std::same_as<void>;  // record: what find gave
                    { k.size() } noexcept -> std::same_as<std::size_t>;
                    { k.bytes() } noexcept -> std::same_as<std::size_t>;
                    { index.prefault() } noexcept -> std::same_as<void>;
                    index.prefetch(id);
                    k.for_each([](OrderId, const Record&) {});
                  };

// No ids: events then say which price they change.
template <class Record>
class NoIndex {
 public:
  static constexpr bool kHasIds = false;
  explicit NoIndex(const BookOptions&) noexcept {}
  [[nodiscard]] bool admits(OrderId) const noexcept { return false; }
  void make_room(OrderId) noexcept {}
  [[nodiscard]] Record* find(OrderId) noexcept { return nullptr; }
  [[nodiscard]] Record* insert(OrderId) noexcept { return nullptr; }
  void erase(OrderId, Record*) noexcept {}
  void prefetch(OrderId) const noexcept {}
  void prefault() noexcept {}
  [[nodiscard]] std::size_t size() const noexcept { return 0; }
  [[nodiscard]] std::size_t bytes() const noexcept { return 0; }
  template <class F>
  void for_each(F&&) const {}
};

}  // namespace orderbook
