// What later commands of a batch will read, fetched while earlier ones run.
#pragma once

#include <cstddef>

#include "orderbook/detail/compiler.h"
#include "orderbook/detail/store.h"

namespace orderbook::detail {

// Once the live orders have outgrown the L2 cache. Below that size fetching orders ahead only costs.
inline constexpr std::size_t kFetchAheadFrom = 20'000;  // orders of some 50 bytes, index and level included

// Before the i-th of `count` commands; id_at(k) is the order of the k-th. In three steps, each needing what the one before
// brought: the id's slot, the order, its neighbours and level.
template <class S, class IdAt>
ORDERBOOK_ALWAYS_INLINE void fetch_ahead(S& s, std::size_t i, std::size_t count, IdAt&& id_at) noexcept {
  constexpr std::size_t kSlot = 24, kOrder = 16, kNeighbours = 8;
  if (!S::kHasIds || s.ids.size() <= kFetchAheadFrom || count - i <= kSlot) return;
  s.ids.prefetch(id_at(i + kSlot));
  if (const auto* record = s.ids.find(id_at(i + kOrder))) s.queue.prefetch(*record);
  if (const auto* record = s.ids.find(id_at(i + kNeighbours))) {
    s.queue.prefetch_neighbours(*record);
    s.levels.prefetch(s.queue.level_of(*record));
  }
}

}  // namespace orderbook::detail
