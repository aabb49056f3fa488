// Left rows that wait, in order of (time, source, sequence). Rows that come in order are appended; others become
// sorted runs whose sizes fall geometrically, so that any order of arrival costs O(log n) per row, and whoever reads
// merges the heads of a few runs.
#pragma once

#include <cstdint>
#include <vector>

#include "row_store.h"

namespace flowstate::stream {

struct PendingRow {
  std::int64_t time;
  std::uint32_t slot;
};

class Pending {
 public:
  // Room for `count` more rows. Throws std::bad_alloc.
  void reserve(std::int64_t count);
  // Rows whose headers are written.
  void add(const std::uint32_t* slots, std::int64_t count, const RowStore& store) noexcept;

  std::int64_t size() const noexcept { return size_; }
  // Earliest time; only where there are rows.
  std::int64_t lowest() const noexcept;

  // Reading from the front without taking: start(), then any number of read(); rows read are `picked`.
  void start() noexcept;
  // Appends at most `count` rows with time < bound (no bound where `unbounded`) to picked(); how many.
  std::size_t read(std::size_t count, std::int64_t bound, bool unbounded, const RowStore& store);
  const std::vector<PendingRow>& picked() const noexcept { return picked_; }
  // Takes the first `count` of the picked rows out.
  void take(std::size_t count) noexcept;
  // Takes out the rows for which gone(slot), wherever they are. O(size).
  template <typename Gone>
  void remove(Gone&& gone) noexcept {
    size_ = 0;
    for (Run& run : runs_) {
      std::size_t stay = 0;
      for (std::size_t i = run.head; i < run.rows.size(); ++i) {
        if (!gone(run.rows[i].slot)) run.rows[stay++] = run.rows[i];
      }
      run.rows.resize(stay);
      run.head = 0;
      size_ += static_cast<std::int64_t>(stay);
    }
    tidy();
  }
  template <typename Visit>
  void each(Visit&& visit) const {
    for (const Run& run : runs_) {
      for (std::size_t i = run.head; i < run.rows.size(); ++i) visit(run.rows[i].slot);
    }
  }
  void clear() noexcept;

 private:
  struct Run {
    std::vector<PendingRow> rows;
    std::size_t head = 0;
    std::size_t cursor = 0;
    std::size_t size() const noexcept { return rows.size() - head; }
  };

  static bool before(const PendingRow& a, const PendingRow& b, const RowStore& store) noexcept {
    return a.time != b.time ? a.time < b.time : store.before(a.slot, b.slot);
  }
  void tidy() noexcept;

  std::vector<Run> runs_;          // largest first
  std::vector<PendingRow> batch_;  // scratch of add(), reserved
  std::vector<PendingRow> spare_;  // storage of a run that ended
  std::vector<PendingRow> picked_;
  std::vector<std::uint32_t> from_;  // run of each picked row; empty while there is one run only
  std::int64_t size_ = 0;
};

}  // namespace flowstate::stream
