// Running readers in every way that must not matter: whole, in pieces, with small and large batches.
#pragma once

#include <catch2/catch.hpp>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "orderbook/event.h"
#include "orderbook/feed/reader.h"

namespace orderbook::test {

struct FeedResult {
  std::vector<Event> events;
  std::optional<FeedError> error;
  FeedStats stats;
  std::uint64_t gaps = 0;
};

inline std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

// `chunks`: lengths, used in turn; 0 at the end of the list means the rest.
template <EventReader Reader>
FeedResult run_feed(Reader& reader, std::string_view input, std::span<const std::size_t> chunks,
                    std::size_t batch) {
  FeedResult result;
  std::vector<Event> events(batch);
  const auto drain = [&] {
    while (const std::size_t count = reader.next(events)) {
      result.events.insert(result.events.end(), events.begin(),
                           events.begin() + static_cast<std::ptrdiff_t>(count));
    }
  };
  std::size_t turn = 0;
  while (!input.empty()) {
    const std::size_t wanted = chunks.empty() ? input.size() : chunks[turn++ % chunks.size()];
    // A copy of its own, so that a sanitizer sees every byte read beyond the chunk.
    const std::vector<char> chunk(
        input.begin(), input.begin() + static_cast<std::ptrdiff_t>(std::min(wanted, input.size())));
    input.remove_prefix(chunk.size());
    reader.feed(bytes_of({chunk.data(), chunk.size()}));
    drain();
  }
  reader.finish();
  drain();
  if (reader.error() != nullptr) result.error = *reader.error();
  result.stats = reader.stats();
  result.gaps = reader.gaps().count();
  return result;
}

inline bool same_event(const Event& a, const Event& b) {
  return a.time_ns == b.time_ns && a.sequence == b.sequence && a.order_id == b.order_id &&
         a.new_order_id == b.new_order_id && a.price == b.price && a.quantity == b.quantity &&
         a.instrument == b.instrument && a.kind == b.kind && a.side == b.side && a.flags == b.flags;
}

inline bool same_result(const FeedResult& a, const FeedResult& b) {
  if (a.events.size() != b.events.size() || a.error.has_value() != b.error.has_value()) return false;
  for (std::size_t i = 0; i < a.events.size(); ++i) {
    if (!same_event(a.events[i], b.events[i])) return false;
  }
  if (a.error && (a.error->code != b.error->code || a.error->byte_offset != b.error->byte_offset ||
                  a.error->message != b.error->message)) {
    return false;
  }
  return a.gaps == b.gaps && a.stats.bytes == b.stats.bytes && a.stats.messages == b.stats.messages &&
         a.stats.events == b.stats.events && a.stats.skipped == b.stats.skipped &&
         a.stats.unknown == b.stats.unknown && a.stats.stale == b.stats.stale &&
         a.stats.time_regressions == b.stats.time_regressions;
}

// Reads the input whole, and demands the same of all byte-wise and many random splits.
template <class MakeReader>
FeedResult read_every_way(MakeReader make_reader, std::string_view input, std::size_t random_splits = 20) {
  auto whole_reader = make_reader();
  FeedResult whole = run_feed(whole_reader, input, {}, 1024);
  const auto check = [&](std::vector<std::size_t> chunks, std::size_t batch) {
    auto reader = make_reader();
    const FeedResult split = run_feed(reader, input, chunks, batch);
    INFO("first chunk " << (chunks.empty() ? 0 : chunks[0]) << ", batch " << batch);
    CHECK(same_result(whole, split));
  };
  check({}, 1);
  check({1}, 3);
  check({2, 1}, 1024);
  std::mt19937_64 random(input.size() + 1);
  for (std::size_t i = 0; i < random_splits; ++i) {
    std::vector<std::size_t> chunks(1 + random() % 7);
    for (std::size_t& chunk : chunks) chunk = 1 + random() % (i % 2 == 0 ? 11 : 200);
    check(std::move(chunks), 1 + random() % 9);
  }
  // One cut at every place, so that every message is cut at every byte.
  if (input.size() < 3000) {
    for (std::size_t cut = 1; cut < input.size(); ++cut) {
      auto reader = make_reader();
      const std::size_t chunks[] = {cut, input.size()};
      if (!same_result(whole, run_feed(reader, input, chunks, 64))) FAIL_CHECK("cut at " << cut);
    }
  }
  return whole;
}

template <class MakeReader>
FeedResult read_feed(MakeReader make_reader, std::string_view input) {
  auto reader = make_reader();
  return run_feed(reader, input, {}, 256);
}

}  // namespace orderbook::test
