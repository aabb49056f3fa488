// What every feed's fuzz target demands: any bytes, cut in any way, end in the same events and the same error, without
// undefined behaviour, and never with more events than the bytes can hold.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "orderbook/event.h"
#include "orderbook/feed/reader.h"

namespace orderbook::fuzz {

struct Outcome {
  std::vector<Event> events;
  bool has_error = false;
  FeedError error;
  FeedStats stats;
  std::uint64_t gaps = 0;
};

template <EventReader Reader>
Outcome read(Reader& reader, std::span<const std::byte> bytes, std::size_t chunk, std::size_t batch) {
  Outcome outcome;
  std::vector<Event> events(batch);
  const auto drain = [&] {
    while (const std::size_t count = reader.next(events)) {
      outcome.events.insert(outcome.events.end(), events.begin(),
                            events.begin() + static_cast<std::ptrdiff_t>(count));
    }
  };
  while (!bytes.empty()) {
    const auto piece = bytes.first(std::min(chunk, bytes.size()));
    const std::vector<std::byte> copy(piece.begin(), piece.end());
    reader.feed(copy);
    drain();
    bytes = bytes.subspan(piece.size());
  }
  reader.finish();
  drain();
  if (reader.error() != nullptr) outcome.has_error = true, outcome.error = *reader.error();
  outcome.stats = reader.stats();
  outcome.gaps = reader.gaps().count();
  return outcome;
}

inline bool same(const Event& a, const Event& b) {
  return a.time_ns == b.time_ns && a.sequence == b.sequence && a.order_id == b.order_id &&
         a.new_order_id == b.new_order_id && a.price == b.price && a.quantity == b.quantity &&
         a.instrument == b.instrument && a.kind == b.kind && a.side == b.side && a.flags == b.flags;
}

// The first two bytes choose the chunk's and the batch's size.
template <class MakeReader>
int check(const std::uint8_t* data, std::size_t size, MakeReader make_reader) {
  if (size < 2) return 0;
  const std::size_t chunk = 1 + data[0];
  const std::size_t batch = 1 + data[1] % 16;
  const auto bytes = std::as_bytes(std::span(data + 2, size - 2));
  auto whole_reader = make_reader();
  const Outcome whole = read(whole_reader, bytes, std::max<std::size_t>(bytes.size(), 1), 64);
  auto split_reader = make_reader();
  const Outcome split = read(split_reader, bytes, chunk, batch);
  const bool is_same =
      std::equal(whole.events.begin(), whole.events.end(), split.events.begin(), split.events.end(), same) &&
      whole.has_error == split.has_error && whole.error.code == split.error.code &&
      whole.error.byte_offset == split.error.byte_offset && whole.error.message == split.error.message &&
      whole.stats.messages == split.stats.messages && whole.stats.bytes == split.stats.bytes &&
      whole.gaps == split.gaps;
  if (!is_same || whole.events.size() > bytes.size() || whole.stats.bytes > bytes.size()) std::abort();
  if (!whole.has_error && whole.stats.bytes != bytes.size()) std::abort();
  return 0;
}

}  // namespace orderbook::fuzz
