// The free page ranges of a set of slabs, found by size and merged with their neighbours when they come back.
//
// Ranges are binned by size class (powers of two and their 1.5-fold); a bitmap names the bins that hold any. Each page
// has a record beside the memory, never in it: the memory is lent to others, and on a real device a header in it would
// cost a transfer. Records of pages inside a range are never touched, so that their pages of the table stay unbacked.
// Taking and giving are O(1) for sizes that are a class; other sizes first look through the ranges of one bin.
// Not thread-safe.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <optional>
#include <vector>

namespace flowstate::device {

// Classes by number of pages: 1, 2, 3, 4, 6, 8, 12, 16, 24 ...
inline constexpr unsigned floor_class(std::uint32_t pages) noexcept {
  const auto log = static_cast<unsigned>(std::bit_width(pages)) - 1;
  return log == 0 ? 0 : 2 * log - 1 + ((pages >> (log - 1)) & 1);
}
inline constexpr std::uint64_t round_to_class(std::uint64_t count) noexcept {
  if (count <= 2) return count == 0 ? 1 : count;
  const std::uint64_t power = std::bit_ceil(count);
  const std::uint64_t between = power / 4 * 3;
  return count <= between ? between : power;
}
static_assert(floor_class(1) == 0 && floor_class(2) == 1 && floor_class(3) == 2 && floor_class(4) == 3 &&
              floor_class(5) == 3 && floor_class(6) == 4 && floor_class(7) == 4 && floor_class(8) == 5);
static_assert(round_to_class(5) == 6 && round_to_class(7) == 8 && round_to_class(9) == 12 &&
              round_to_class(3) == 3 && round_to_class(13) == 16);

class PageRanges {
 public:
  struct Place {
    std::uint32_t slab = 0;  // index of the slab's table, reused after remove()
    std::uint32_t page = 0;
  };

  PageRanges() { std::ranges::fill(bins_, kNone); }

  // A slab of `pages` pages whose first `used` are taken. Throws std::bad_alloc, and then has changed nothing.
  std::uint32_t add(std::uint32_t pages, std::uint32_t used) {
    Table table(static_cast<Record*>(std::calloc(pages, sizeof(Record))));
    if (!table) throw std::bad_alloc();
    std::uint32_t slab = 0;
    while (slab < slabs_.size() && slabs_[slab].records) ++slab;
    if (slab == slabs_.size()) slabs_.emplace_back();
    slabs_[slab] = {std::move(table), pages};
    if (used < pages) link({slab, used}, pages - used);
    return slab;
  }

  bool is_whole(std::uint32_t slab) const noexcept {
    return slabs_[slab].records && slabs_[slab].records[0].head == slabs_[slab].pages;
  }
  // Forgets a slab that is wholly free.
  void remove(std::uint32_t slab) noexcept {
    unlink({slab, 0});
    slabs_[slab].records.reset();
  }

  bool has(std::uint32_t pages) const noexcept { return find(pages).has_value(); }

  std::optional<Place> take(std::uint32_t pages) noexcept {
    const std::optional<Place> place = find(pages);
    if (!place) return std::nullopt;
    const std::uint32_t length = record(*place).head;
    unlink(*place);
    if (length > pages) link({place->slab, place->page + pages}, length - pages);
    return place;
  }

  void give(Place place, std::uint32_t pages) noexcept {
    const Slab& slab = slabs_[place.slab];
    const std::uint32_t after = place.page + pages;
    if (after < slab.pages && slab.records[after].head != 0) {
      pages += slab.records[after].head;
      unlink({place.slab, after});
    }
    if (place.page > 0 && slab.records[place.page - 1].tail != 0) {
      const std::uint32_t before = slab.records[place.page - 1].tail;
      place.page -= before;
      pages += before;
      unlink(place);
    }
    link(place, pages);
  }

 private:
  static constexpr std::uint64_t kNone = ~std::uint64_t{0};
  static constexpr unsigned kBins = 64;

  struct Record {
    std::uint64_t next;  // of the bin's list, where a free range begins here
    std::uint64_t prev;
    std::uint32_t head;  // pages of the free range that begins here, or 0
    std::uint32_t tail;  // pages of the free range that ends here, or 0
  };
  struct FreeTable {
    void operator()(Record* records) const noexcept { std::free(records); }
  };
  using Table = std::unique_ptr<Record[], FreeTable>;
  struct Slab {
    Table records;
    std::uint32_t pages = 0;
  };

  static std::uint64_t pack(Place place) noexcept {
    return static_cast<std::uint64_t>(place.slab) << 32 | place.page;
  }
  static Place unpack(std::uint64_t packed) noexcept {
    return {static_cast<std::uint32_t>(packed >> 32), static_cast<std::uint32_t>(packed)};
  }
  Record& record(Place place) const noexcept { return slabs_[place.slab].records[place.page]; }

  std::optional<Place> find(std::uint32_t pages) const noexcept {
    const unsigned bin = floor_class(pages);
    for (std::uint64_t at = bins_[bin]; at != kNone; at = record(unpack(at)).next) {
      if (record(unpack(at)).head >= pages) return unpack(at);
    }
    const std::uint64_t larger = occupied_ & ~((std::uint64_t{2} << bin) - 1);
    if (larger == 0) return std::nullopt;
    return unpack(bins_[static_cast<unsigned>(std::countr_zero(larger))]);
  }

  void link(Place place, std::uint32_t pages) noexcept {
    Record& first = record(place);
    const unsigned bin = floor_class(pages);
    first.head = pages;
    record({place.slab, place.page + pages - 1}).tail = pages;
    first.prev = kNone;
    first.next = bins_[bin];
    if (first.next != kNone) record(unpack(first.next)).prev = pack(place);
    bins_[bin] = pack(place);
    occupied_ |= std::uint64_t{1} << bin;
  }

  void unlink(Place place) noexcept {
    Record& first = record(place);
    const unsigned bin = floor_class(first.head);
    if (first.next != kNone) record(unpack(first.next)).prev = first.prev;
    if (first.prev != kNone) {
      record(unpack(first.prev)).next = first.next;
    } else {
      bins_[bin] = first.next;
      if (first.next == kNone) occupied_ &= ~(std::uint64_t{1} << bin);
    }
    record({place.slab, place.page + first.head - 1}).tail = 0;
    first.head = 0;
  }

  std::vector<Slab> slabs_;
  std::uint64_t bins_[kBins];
  std::uint64_t occupied_ = 0;
};

}  // namespace flowstate::device
