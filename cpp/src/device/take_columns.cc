#include "flowstate/device/take_columns.h"

#include <utility>

#include "device/first_row.h"
#include "flowstate/functors/take.h"

namespace flowstate::device {

namespace {

using functors::Offsets;

std::size_t words_of(std::int64_t bits) noexcept { return (static_cast<std::size_t>(bits) + 31) / 32; }

// The offsets of taken rows as int64, one more than there are rows; the last is the total.
struct Sums {
  Array<std::int64_t> offsets;
  std::int64_t total = 0;
};

Sums sum_lengths(JoinWork& work, const TakeInput& input, Offsets offsets, std::int64_t most,
                 const std::int32_t* live, std::int64_t count) {
  const FirstRow corrupt(work);
  work.stream().for_each(static_cast<std::size_t>(input.rows),
                         functors::CheckOffsetsElement{offsets, most, corrupt.cell()});
  if (const auto row = corrupt.read(work)) {
    throw Error(
        ErrorCode::CORRUPT,
        input.name + ": the offsets of row " + std::to_string(*row) + " do not ascend inside the data",
        {{"row", static_cast<std::int64_t>(*row)}});
  }
  const auto slots = static_cast<std::size_t>(count) + 1;
  const auto length = work.array<std::int64_t>(slots);
  Sums sums{work.array<std::int64_t>(slots), 0};
  work.stream().for_each(
      slots, functors::LengthElement{live, static_cast<std::uint64_t>(count), offsets, length.data()});
  work.stream().exclusive_sum(sums.offsets.data(), length.data(), slots);
  sums.total = work.read(sums.offsets.data() + count);
  return sums;
}

// The sums in the width that the column's offsets have.
DeviceBuffer as_offsets(JoinWork& work, Sums& sums, bool wide) {
  if (wide) return sums.offsets.take();
  Array<std::int32_t> narrow = work.array<std::int32_t>(sums.offsets.count());
  work.stream().for_each(narrow.count(), functors::NarrowElement{sums.offsets.data(), narrow.data()});
  return narrow.take();
}

template <typename Word>
DeviceBuffer take_words(JoinWork& work, const TakeInput& input, const std::int32_t* live,
                        std::int64_t count) {
  Array<Word> out = work.array<Word>(static_cast<std::size_t>(count));
  work.stream().for_each(out.count(), functors::TakeElement<Word>{
                                          live, static_cast<const Word*>(input.cells.values), out.data()});
  return out.take();
}

DeviceBuffer take_fixed(JoinWork& work, const TakeInput& input, const std::int32_t* live,
                        std::int64_t count) {
  switch (input.cells.width) {
    case 1:
      return take_words<std::uint8_t>(work, input, live, count);
    case 2:
      return take_words<std::uint16_t>(work, input, live, count);
    case 4:
      return take_words<std::uint32_t>(work, input, live, count);
    case 8:
      return take_words<std::uint64_t>(work, input, live, count);
    default:
      break;
  }
  const auto width = static_cast<std::uint64_t>(input.cells.width);
  Array<std::uint8_t> out = work.array<std::uint8_t>(static_cast<std::size_t>(count) * width);
  work.stream().for_each(out.count(),
                         functors::TakeWideElement{live, static_cast<const std::uint8_t*>(input.cells.values),
                                                   out.data(), width});
  return out.take();
}

void take_bytes(JoinWork& work, const TakeInput& input, const std::int32_t* live, TakenColumn& out) {
  const bool wide = input.cells.type == ColumnType::kBytes64;
  const Offsets from{input.cells.offsets, wide};
  Sums sums = sum_lengths(work, input, from, input.values_bytes, live, out.length);
  if (!wide && sums.total > INT32_MAX) {
    throw Error(ErrorCode::LENGTH,
                input.name + ": the gathered values take " + std::to_string(sums.total) +
                    " bytes, more than 32-bit offsets can address; use a large type",
                {{"bytes", sums.total}});
  }
  Array<std::uint8_t> values = work.array<std::uint8_t>(static_cast<std::size_t>(sums.total));
  work.stream().for_each(
      static_cast<std::size_t>(out.length),
      functors::CopyBytesElement{live, from, sums.offsets.data(),
                                 static_cast<const std::uint8_t*>(input.cells.values), values.data()});
  out.values = values.take();
  out.offsets = as_offsets(work, sums, wide);
}

// Children are taken by rows of their own: `item`.
void take_items(JoinWork& work, const TakeInput& child, const Array<std::int32_t>& item, TakenColumn& out) {
  TakeRows rows(item.data(), static_cast<std::int64_t>(item.count()));
  out.children.push_back(take_column(work, child, rows));
}

void demand_items(const TakeInput& input, std::int64_t items) {
  if (items <= 0x7ffffffe) return;
  throw Error(ErrorCode::LENGTH,
              input.name + ": the result would hold " + std::to_string(items) + " list items",
              {{"items", items}});
}

const TakeInput& only_child(const TakeInput& input) {
  if (input.children.size() == 1) return input.children[0];
  throw Error(ErrorCode::INTERNAL, input.name + ": a list has one child");
}

void take_list(JoinWork& work, const TakeInput& input, const std::int32_t* live, TakenColumn& out) {
  const TakeInput& child = only_child(input);
  demand_items(input, child.rows);
  const bool wide = input.kind == TakeKind::kLargeList;
  const Offsets from{input.cells.offsets, wide};
  Sums sums = sum_lengths(work, input, from, child.rows, live, out.length);
  demand_items(input, sums.total);
  const auto item = work.array<std::int32_t>(static_cast<std::size_t>(sums.total));
  work.stream().for_each(static_cast<std::size_t>(out.length),
                         functors::ListItemsElement{live, from, sums.offsets.data(), item.data()});
  out.offsets = as_offsets(work, sums, wide);
  take_items(work, child, item, out);
}

void take_fixed_list(JoinWork& work, const TakeInput& input, const std::int32_t* live, TakenColumn& out) {
  const TakeInput& child = only_child(input);
  demand_items(input, child.rows);
  demand_items(input, out.length * input.list_size);
  const auto item = work.array<std::int32_t>(static_cast<std::size_t>(out.length * input.list_size));
  work.stream().for_each(item.count(), functors::FixedItemsElement{live, input.list_size, item.data()});
  take_items(work, child, item, out);
}

void take_flat(JoinWork& work, const TakeInput& input, const std::int32_t* live, TakenColumn& out) {
  switch (input.cells.type) {
    case ColumnType::kBool: {
      Array<std::uint32_t> bits = work.array<std::uint32_t>(words_of(out.length));
      work.stream().for_each(
          bits.count(),
          functors::TakeBitsElement{live, static_cast<std::uint64_t>(out.length),
                                    static_cast<const std::uint8_t*>(input.cells.values), bits.data()});
      out.values = bits.take();
      return;
    }
    case ColumnType::kBytes32:
    case ColumnType::kBytes64:
      return take_bytes(work, input, live, out);
    default:
      out.values = take_fixed(work, input, live, out.length);
  }
}

DeviceBuffer copy_bits(JoinWork& work, TakeRows& rows) {
  Array<std::uint32_t> bits = work.array<std::uint32_t>(words_of(rows.count()));
  work.stream().copy_on_device(bits.data(), rows.bits(work), bits.bytes());
  return bits.take();
}

}  // namespace

void TakeRows::look(JoinWork& work) {
  if (null_count_ >= 0) return;
  bits_ = work.array<std::uint32_t>(words_of(count_));
  const auto valid = work.array<std::uint64_t>(1);
  work.stream().fill(valid.data(), 0, valid.bytes());
  work.stream().for_each(bits_.count(), functors::RowBitsElement{row_, static_cast<std::uint64_t>(count_),
                                                                 bits_.data(), valid.data()});
  null_count_ = count_ - static_cast<std::int64_t>(work.read(valid.data()));
}

std::int64_t TakeRows::null_count(JoinWork& work) {
  look(work);
  return null_count_;
}

const std::uint32_t* TakeRows::bits(JoinWork& work) {
  look(work);
  return bits_.data();
}

TakenColumn take_column(JoinWork& work, const TakeInput& input, TakeRows& rows) {
  work.check_cancelled();
  TakenColumn out;
  out.length = rows.count();
  if (input.kind == TakeKind::kNull) {
    out.null_count = out.length;
    return out;
  }
  Array<std::int32_t> live_owned;
  std::optional<TakeRows> own;
  if (input.cells.validity != nullptr) {
    live_owned = work.array<std::int32_t>(static_cast<std::size_t>(out.length));
    work.stream().for_each(live_owned.count(),
                           functors::LiveRowElement{rows.row(), input.cells.validity, live_owned.data()});
    own.emplace(live_owned.data(), out.length);
  }
  TakeRows& live = own ? *own : rows;
  out.null_count = live.null_count(work);
  switch (input.kind) {
    case TakeKind::kStruct:
      for (const TakeInput& child : input.children) out.children.push_back(take_column(work, child, live));
      break;
    case TakeKind::kFixedList:
      take_fixed_list(work, input, live.row(), out);
      break;
    case TakeKind::kList:
    case TakeKind::kLargeList:
      take_list(work, input, live.row(), out);
      break;
    default:
      take_flat(work, input, live.row(), out);
  }
  if (out.null_count > 0) out.validity = copy_bits(work, live);
  return out;
}

TakenColumn matched_column(JoinWork& work, TakeRows& rows) {
  TakenColumn out;
  out.length = rows.count();
  out.values = copy_bits(work, rows);
  return out;
}

}  // namespace flowstate::device
