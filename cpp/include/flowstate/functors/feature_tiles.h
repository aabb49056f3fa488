// A feature matrix out of columns (functors/feature.h), as tile bodies. Columns ride in the launch's parameters,
// kFeatureColumns at most: no table of them to upload, and a warp reads its column's by one broadcast. A wider matrix is
// several launches, each of which writes its columns of every row.
//
//   FeatureRowTile      row-major. A transpose: a warp reads 128 rows of one column at a time, elements go through shared
//                       memory, and threads that follow each other write elements that follow each other; reads and
//                       writes are both coalesced. Few columns make a tile of more rows, so that no warp idles. Rows of
//                       the tile are an odd number of words apart: the 32 elements of a column that a warp stores lie
//                       in 32 banks.
//   FeatureColumnTile   column-major. 1,024 rows of one column; thread after thread reads and writes, no memory shared.
//
// Memory traffic of either: every value, validity bit and index once, every element once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "flowstate/functors/atomic.h"
#include "flowstate/functors/feature.h"
#include "flowstate/functors/hd.h"

namespace flowstate::functors {

// Columns of one launch.
inline constexpr unsigned kFeatureColumns = 32;
// Rows of one column that a thread has under way at once: loads of 4 x 4 bytes a thread fill an H200's memory pipes
// (bandwidth x latency is some 25 KB a multiprocessor, of 2,048 threads).
inline constexpr unsigned kFeatureDepth = 4;

struct FeatureColumns {
  FeatureColumn column[kFeatureColumns];
  std::uint64_t rows = 0;
  std::uint32_t count = 0;  // of columns
  std::uint32_t first = 0;  // place of column[0] among the matrix's
  std::uint32_t all = 0;    // the matrix's columns
  // The least row * all + place of a null; null: nobody asks.
  std::uint64_t* first_null = nullptr;
};

// Rows begin + k * stride below `end` of column `c`, for k below kFeatureDepth: store(k, element) for each.
template <typename Target, typename Store>
FS_HD void feature_rows(const FeatureColumns& from, std::uint32_t c, std::uint64_t begin, unsigned stride,
                        std::uint64_t end, const Store& store) noexcept {
  using Bits = typename Target::Bits;
  const FeatureColumn& column = from.column[c];
  std::size_t source[kFeatureDepth] = {};
  bool is_there[kFeatureDepth] = {};
  for (unsigned k = 0; k < kFeatureDepth; ++k) {
    const std::uint64_t row = begin + std::uint64_t{k} * stride;
    is_there[k] = row < end && feature_row(column, row, source[k]);
    if (row < end && !is_there[k] && from.first_null != nullptr) {
      atomic_min(from.first_null, row * from.all + from.first + c);
    }
  }
  if (column.is_mask) {
    for (unsigned k = 0; k < kFeatureDepth; ++k) {
      if (begin + std::uint64_t{k} * stride < end) store(k, Target::of(is_there[k] ? 1.0 : 0.0));
    }
    return;
  }
  visit_feature(column, [&](const auto& values) {
    std::decay_t<decltype(values[0])> value[kFeatureDepth];
    for (unsigned k = 0; k < kFeatureDepth; ++k) {
      value[k] = 0;
      if (is_there[k]) value[k] = values[source[k]];
    }
    for (unsigned k = 0; k < kFeatureDepth; ++k) {
      if (begin + std::uint64_t{k} * stride >= end) continue;
      store(k, is_there[k] ? feature_element<Target>(column, value[k]) : static_cast<Bits>(column.fill));
    }
  });
}

template <typename Target>
struct FeatureRowTile {
  using Bits = typename Target::Bits;
  static constexpr unsigned kThreads = 256;
  static constexpr unsigned kWarp = 32;
  static constexpr unsigned kRun = kWarp * kFeatureDepth;  // rows that a warp takes at a time
  static constexpr int kPhases = 2;
  // 128 rows of 32 columns at the widest pitch: 8.5 KiB of halves, 17 of floats, 34 of doubles.
  static constexpr unsigned kCells = kRun * (kFeatureColumns + 2);

  FeatureColumns from;
  Bits* out = nullptr;

  struct Shared {
    Bits cells[kCells];
  };
  struct Thread {};

  // Cells from row to row: an odd number of 4-byte words, or for doubles of 8-byte ones.
  FS_HD static constexpr unsigned pitch_of(unsigned columns) noexcept {
    return sizeof(Bits) == 2 ? columns + (6 - columns % 4) % 4 : columns | 1u;
  }
  FS_HD static constexpr unsigned rows_of(unsigned columns) noexcept {
    return kCells / pitch_of(columns) / kRun * kRun;
  }
  static std::size_t tiles_of(const FeatureColumns& columns) noexcept {
    const unsigned rows = rows_of(columns.count);
    return static_cast<std::size_t>((columns.rows + rows - 1) / rows);
  }

  template <int kPhase>
  FS_HD void run(std::size_t tile, unsigned thread, Shared& shared, Thread& /*registers*/) const noexcept {
    const unsigned pitch = pitch_of(from.count);
    const unsigned tile_rows = rows_of(from.count);
    const std::uint64_t begin = std::uint64_t{tile} * tile_rows;
    const auto rows = static_cast<unsigned>(from.rows - begin < tile_rows ? from.rows - begin : tile_rows);
    if constexpr (kPhase == 0) {
      const unsigned runs = (rows + kRun - 1) / kRun;
      for (unsigned turn = thread / kWarp; turn < runs * from.count; turn += kThreads / kWarp) {
        const unsigned c = turn / runs;
        const unsigned row = turn % runs * kRun + thread % kWarp;
        feature_rows<Target>(from, c, begin + row, kWarp, begin + rows, [&](unsigned k, Bits element) {
          shared.cells[(row + k * kWarp) * pitch + c] = element;
        });
      }
    } else {
      // cell / count by a multiplication: exact below 2^20 / kFeatureColumns, and a tile has fewer cells.
      static_assert(kCells < (1u << 20) / kFeatureColumns);
      const unsigned reciprocal = (1u << 20) / from.count + 1;
      Bits* const target = out + begin * from.all + from.first;
      for (unsigned cell = thread; cell < rows * from.count; cell += kThreads) {
        const unsigned row = (cell * reciprocal) >> 20;
        const unsigned c = cell - row * from.count;
        target[std::size_t{row} * from.all + c] = shared.cells[row * pitch + c];
      }
    }
  }
};

template <typename Target>
struct FeatureColumnTile {
  using Bits = typename Target::Bits;
  static constexpr unsigned kThreads = 256;
  static constexpr unsigned kRows = kThreads * kFeatureDepth;
  static constexpr int kPhases = 1;

  FeatureColumns from;
  Bits* out = nullptr;

  struct Shared {};
  struct Thread {};

  static std::size_t tiles_of(const FeatureColumns& columns) noexcept {
    return static_cast<std::size_t>((columns.rows + kRows - 1) / kRows) * columns.count;
  }

  template <int kPhase>
  FS_HD void run(std::size_t tile, unsigned thread, Shared& /*shared*/,
                 Thread& /*registers*/) const noexcept {
    const std::uint64_t pieces = (from.rows + kRows - 1) / kRows;
    const auto c = static_cast<std::uint32_t>(tile / pieces);
    const std::uint64_t begin = tile % pieces * kRows + thread;
    Bits* const target = out + (std::uint64_t{from.first} + c) * from.rows + begin;
    feature_rows<Target>(from, c, begin, kThreads, from.rows,
                         [&](unsigned k, Bits element) { target[k * kThreads] = element; });
  }
};

}  // namespace flowstate::functors
