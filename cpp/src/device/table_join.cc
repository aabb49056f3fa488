#include "flowstate/device/table_join.h"

#include <utility>

#include "device/asof_rules.h"
#include "device/first_row.h"
#include "device/row_demand.h"
#include "flowstate/functors/take.h"

namespace flowstate::device {

namespace {

// One stream under way.
struct Side {
  TimeColumn left;
  std::shared_ptr<TableIndex> made;
  std::shared_ptr<const TableIndex> index;
  Array<std::int32_t> code;
  Array<std::int32_t> match;
  Matched matched;
};

void demand_rows(const std::string& name, std::uint32_t rows, std::uint32_t expected) {
  if (rows == expected) return;
  throw Error(ErrorCode::LENGTH,
              name + " has " + std::to_string(rows) + " rows, expected " + std::to_string(expected),
              {{"rows", rows}, {"expected", expected}});
}

void demand_rows(const TableJoin& join) {
  for (const TableStream& stream : join.streams) {
    demand_rows(stream.left_time.name, stream.left_time.rows, join.left_rows);
    for (const KeyInput& key : stream.left_keys) demand_rows(key.name, key.rows, join.left_rows);
    const std::uint32_t rights = stream.right.time.rows;
    if (stream.right.known) demand_rows(stream.right.known->name, stream.right.known->rows, rights);
    for (const KeyInput& key : stream.right.keys) demand_rows(key.name, key.rows, rights);
    for (const TakeInput& column : stream.payload) {
      demand_rows(column.name, static_cast<std::uint32_t>(column.rows), rights);
    }
    if (stream.left_keys.size() != stream.right.keys.size()) {
      throw Error(ErrorCode::SCHEMA, "the two sides of a stream differ in their number of keys");
    }
  }
  for (const TakeInput& column : join.left_payload) {
    demand_rows(column.name, static_cast<std::uint32_t>(column.rows), join.left_rows);
  }
}

void code_left(JoinWork& work, const TableStream& stream, Side& side) {
  const std::optional<KeyCoder>& coder = side.index->coder();
  if (coder.has_value() == stream.left_keys.empty()) {
    throw Error(ErrorCode::INTERNAL, "the index was not made for these keys");
  }
  if (!side.index->coded()) {
    if (side.left.dead == nullptr) return;
    throw Error(ErrorCode::INTERNAL, "the index was made for left rows that all have a time");
  }
  side.code = work.array<std::int32_t>(side.left.rows);
  if (coder) coder->find(work, stream.left_keys, side.left.rows, kDeadLeftCode, side.code.data());
  mark_dead(work, side.left, coder ? side.code.data() : nullptr, kDeadLeftCode, side.code.data());
}

// Left rows that every inner stream has a match for, ascending.
Array<std::int32_t> select_rows(JoinWork& work, const TableJoin& join, const std::vector<Side>& sides) {
  const std::size_t slots = std::size_t{join.left_rows} + 1;
  const auto keep = work.array<std::int64_t>(slots);
  bool also = false;
  for (std::size_t s = 0; s < sides.size(); ++s) {
    if (!join.streams[s].inner) continue;
    work.stream().for_each(slots,
                           functors::KeepElement{sides[s].match.data(), join.left_rows, also, keep.data()});
    also = true;
  }
  const auto before = work.array<std::int64_t>(slots);
  work.stream().exclusive_sum(before.data(), keep.data(), slots);
  const std::int64_t rows = work.read(before.data() + join.left_rows);
  Array<std::int32_t> selection = work.array<std::int32_t>(static_cast<std::size_t>(rows));
  work.stream().for_each(join.left_rows,
                         functors::SelectElement{keep.data(), before.data(), selection.data()});
  work.end_phase("select rows", slots * 36);
  return selection;
}

TakenColumn age_column(JoinWork& work, const TableStream& stream, const Side& side, TakeRows& rows,
                       const std::int32_t* left_row) {
  TakenColumn out;
  out.length = rows.count();
  const bool is_float = stream.right.domain == functors::TimeDomain::kFloat;
  Array<std::int64_t> ages = work.array<std::int64_t>(static_cast<std::size_t>(out.length));
  const FirstRow too_large(work);
  work.stream().for_each(
      ages.count(),
      functors::AgeElement{side.left.t, side.index->times().t, rows.row(), left_row, is_float,
                           functors::Scale::of(stream.age_scale), ages.data(), too_large.cell()});
  if (const auto row = too_large.read(work)) {
    throw Error(ErrorCode::OVERFLOW,
                stream.left_time.name + ": the age of row " + std::to_string(*row) + " does not fit 64 bits",
                {{"row", static_cast<std::int64_t>(*row)}});
  }
  out.values = ages.take();
  out.null_count = rows.null_count(work);
  if (out.null_count > 0) out.validity = std::move(matched_column(work, rows).values);
  return out;
}

TableStreamResult take_stream(JoinWork& work, const TableStream& stream, const Side& side, TakeRows& rows,
                              const std::int32_t* left_row) {
  TableStreamResult result;
  std::size_t bytes = 0;
  for (const TakeInput& column : stream.payload) {
    result.columns.push_back(take_column(work, column, rows));
    bytes += 2 * result.columns.back().values.bytes();
  }
  if (stream.want_age) result.age = age_column(work, stream, side, rows, left_row);
  if (stream.want_matched) result.matched = matched_column(work, rows);
  work.end_phase("take", bytes);
  const MatchCounts& counts = side.matched.counts;
  result.stats = {side.left.rows, counts.matched, side.left.rows - counts.matched - counts.too_far,
                  counts.too_far, side.index->times().rows};
  result.index = side.made;
  result.plan = side.matched.plan;
  return result;
}

// The work is done: what is given back needs no stream.
void settle(TakenColumn& column) noexcept {
  column.values.used_on(nullptr);
  column.offsets.used_on(nullptr);
  column.validity.used_on(nullptr);
  for (TakenColumn& child : column.children) settle(child);
}

void settle(TableJoinResult& result) noexcept {
  for (TakenColumn& column : result.left) settle(column);
  for (TableStreamResult& stream : result.streams) {
    for (TakenColumn& column : stream.columns) settle(column);
    if (stream.age) settle(*stream.age);
    if (stream.matched) settle(*stream.matched);
  }
}

}  // namespace

TableJoinResult join_tables(JoinWork& work, const TableJoin& join) {
  demand_rows(join);
  std::vector<Side> sides(join.streams.size());
  bool inner = false;
  for (std::size_t s = 0; s < sides.size(); ++s) {
    const TableStream& stream = join.streams[s];
    inner |= stream.inner;
    sides[s].left = read_times(work, stream.left_time, stream.right.domain);
    sides[s].index = stream.index;
    if (sides[s].index) continue;
    sides[s].made = std::make_shared<TableIndex>(work, stream.right);
    sides[s].index = sides[s].made;
  }
  for (std::size_t s = 0; s < sides.size(); ++s) {
    const TableStream& stream = join.streams[s];
    if (stream.unsorted != asof::Unsorted::kError) continue;
    demand_ascending(work, {stream.left_time, sides[s].left, stream.left_keys, stream.right.nulls_equal,
                            stream.right.domain});
    sides[s].index->demand_order(work, stream.right);
  }
  for (std::size_t s = 0; s < sides.size(); ++s) {
    const TableStream& stream = join.streams[s];
    Side& side = sides[s];
    code_left(work, stream, side);
    side.match = work.array<std::int32_t>(join.left_rows);
    side.matched = match_rows(work, {side.left.t, side.code.data(), join.left_rows}, side.index->rows(),
                              rules_of(stream, stream.right.domain == functors::TimeDomain::kFloat),
                              side.match.data(), stream.plan);
    side.code = {};
  }
  TableJoinResult result;
  result.rows = join.left_rows;
  result.has_selection = inner;
  Array<std::int32_t> selection;
  if (inner) {
    selection = select_rows(work, join, sides);
    result.rows = static_cast<std::int64_t>(selection.count());
    TakeRows rows(selection.data(), result.rows);
    for (const TakeInput& column : join.left_payload) result.left.push_back(take_column(work, column, rows));
  }
  for (std::size_t s = 0; s < sides.size(); ++s) {
    Side& side = sides[s];
    if (inner) {
      Array<std::int32_t> kept = work.array<std::int32_t>(selection.count());
      work.stream().for_each(kept.count(), functors::GatherElement<std::uint32_t>{
                                               reinterpret_cast<std::uint32_t*>(kept.data()),
                                               reinterpret_cast<const std::uint32_t*>(side.match.data()),
                                               reinterpret_cast<const std::uint32_t*>(selection.data())});
      side.match = std::move(kept);
    }
    TakeRows rows(side.match.data(), result.rows);
    result.streams.push_back(
        take_stream(work, join.streams[s], side, rows, inner ? selection.data() : nullptr));
  }
  work.stream().synchronize();
  settle(result);
  for (Side& side : sides) {
    if (side.made) side.made->settle();
  }
  return result;
}

}  // namespace flowstate::device
