// Short requests by hand: int64 times, optional int keys, indices out.
#pragma once

#include <initializer_list>
#include <vector>

#include "flowstate/asof/join.h"
#include "flowstate/thread_pool.h"
#include "support/columns.h"

namespace flowstate::test {

inline Cells cells_of(const std::vector<std::int64_t>& values) {
  Cells cells;
  for (const std::int64_t value : values) cells.push_back(cell(value));
  return cells;
}

struct Simple {
  Arena arena;
  asof::JoinRequest request;

  Simple(const std::vector<std::int64_t>& left, const std::vector<std::int64_t>& right) {
    request.left_rows = static_cast<std::int64_t>(left.size());
    asof::Side side;
    side.time.column = make_column(arena, ColumnType::kInt64, cells_of(left), "left.timestamp");
    side.time.unit = "ns";
    request.left_sides.push_back(side);
    asof::StreamRequest stream;
    stream.right.time.column = make_column(arena, ColumnType::kInt64, cells_of(right), "right.timestamp");
    stream.right.time.unit = "ns";
    stream.want_indices = true;
    request.streams.push_back(stream);
  }

  asof::StreamRequest& stream() { return request.streams[0]; }

  void keys(const std::vector<std::int64_t>& left, const std::vector<std::int64_t>& right) {
    request.left_sides[0].keys.push_back({make_column(arena, ColumnType::kInt64, cells_of(left), "left.k"), 1, false});
    stream().right.keys.push_back({make_column(arena, ColumnType::kInt64, cells_of(right), "right.k"), 1, false});
  }

  asof::JoinResult run(int threads = 1) {
    ThreadPool pool(threads);
    const asof::CancelToken cancel;
    return asof::join(request, pool, cancel);
  }

  std::vector<int> indices() {
    const asof::JoinResult result = run();
    const Buffer& buffer = result.streams[0].indices;
    return {buffer.as<std::int32_t>(), buffer.as<std::int32_t>() + buffer.size() / 4};
  }
};

}  // namespace flowstate::test
