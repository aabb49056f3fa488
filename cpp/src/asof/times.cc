#include "times.h"

#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>

#include "prefetch.h"
#include "simd.h"

namespace flowstate::asof {
namespace {

bool is_float(ColumnType type) noexcept {
  return type == ColumnType::kFloat16 || type == ColumnType::kFloat32 || type == ColumnType::kFloat64;
}

bool is_unsigned(ColumnType type) noexcept {
  return type == ColumnType::kUInt8 || type == ColumnType::kUInt16 || type == ColumnType::kUInt32 ||
         type == ColumnType::kUInt64;
}

[[noreturn]] void overflow(const TimeColumn& column, std::int64_t row) {
  throw Error(ErrorCode::OVERFLOW,
              column.column.name + ": the time of row " + std::to_string(row) + " does not fit 64 bits" +
                  (column.unit.empty() ? std::string() : " in " + column.unit),
              {{"row", row}});
}

struct Piecewise {
  const TimeColumn& column;
  TimeKind kind;
  std::int64_t* out;
  std::uint8_t* dead;  // null: no validity anywhere and no floats
  std::atomic<bool>& any_dead;
  FirstRow& too_large;

  bool valid(const Piece& piece, std::int64_t i) const noexcept {
    return piece.chunk->validity == nullptr ||
           bit_at(piece.chunk->validity, piece.chunk->bit_offset + piece.begin + i);
  }

  void mark(const Piece& piece, std::int64_t i) const noexcept {
    out[piece.row + i] = 0;
    dead[piece.row + i] = 1;
    any_dead.store(true, std::memory_order_relaxed);
  }

  template <typename T>
  void floats(const Piece& piece) const {
    const auto* values = reinterpret_cast<const T*>(piece.chunk->values) + piece.begin;
    for (std::int64_t i = 0; i < piece.count; ++i) {
      double value;
      if constexpr (std::is_same_v<T, std::uint16_t>) {
        value = half_to_double(values[i]);
      } else {
        value = static_cast<double>(values[i]);
      }
      dead[piece.row + i] = 0;
      if (std::isnan(value) || !valid(piece, i)) {
        mark(piece, i);
      } else {
        out[piece.row + i] = ordered_bits(value);
      }
    }
  }

  template <typename T>
  void integers(const Piece& piece) const {
    const auto* values = reinterpret_cast<const T*>(piece.chunk->values) + piece.begin;
    std::int64_t* to = out + piece.row;
    const bool nulls = piece.chunk->validity != nullptr;
    if (dead != nullptr) std::memset(dead + piece.row, 0, static_cast<std::size_t>(piece.count));
    const std::int64_t scale = column.scale;
    for (std::int64_t i = 0; i < piece.count; ++i) {
      if (nulls && !valid(piece, i)) {
        mark(piece, i);
        continue;
      }
      bool bad = false;
      if (kind == TimeKind::kUnsigned) {
        std::uint64_t product = 0;
        bad = scale < 0 || __builtin_mul_overflow(static_cast<std::uint64_t>(values[i]),
                                                  static_cast<std::uint64_t>(scale), &product);
        to[i] = static_cast<std::int64_t>(product ^ (std::uint64_t{1} << 63));
      } else {
        if constexpr (std::is_same_v<T, std::uint64_t>)
          bad = values[i] > static_cast<std::uint64_t>(INT64_MAX);
        std::int64_t product = 0;
        bad |= __builtin_mul_overflow(static_cast<std::int64_t>(values[i]), scale, &product);
        to[i] = product;
      }
      if (bad) return too_large.note(piece.row + i);
    }
  }

  void operator()(const Piece& piece) const {
    switch (column.column.type) {
      case ColumnType::kInt8:
        return integers<std::int8_t>(piece);
      case ColumnType::kInt16:
        return integers<std::int16_t>(piece);
      case ColumnType::kInt32:
        return integers<std::int32_t>(piece);
      case ColumnType::kInt64:
        return integers<std::int64_t>(piece);
      case ColumnType::kUInt8:
        return integers<std::uint8_t>(piece);
      case ColumnType::kUInt16:
        return integers<std::uint16_t>(piece);
      case ColumnType::kUInt32:
        return integers<std::uint32_t>(piece);
      case ColumnType::kUInt64:
        return integers<std::uint64_t>(piece);
      case ColumnType::kFloat16:
        return floats<std::uint16_t>(piece);
      case ColumnType::kFloat32:
        return floats<float>(piece);
      case ColumnType::kFloat64:
        return floats<double>(piece);
      default:
        throw Error(ErrorCode::SCHEMA, column.column.name + ": this column type cannot be a time");
    }
  }
};

// Rows of a sample that tell a sorted column from one that is not, for a few microseconds.
constexpr std::int64_t kSample = 256;

// 1 if some t[i + 1] < t[i] for i in [begin, end).
FS_SIMD_CLONES int steps_back(const std::int64_t* t, std::int64_t begin, std::int64_t end) noexcept {
  int found = 0;
  std::int64_t i = begin;
  for (; i + 64 <= end; i += 64) {
    for (std::int64_t k = 0; k < 64; k += 8) prefetch_read(t + i + k, kPrefetchAhead);
    for (std::int64_t k = i; k < i + 64; ++k) found |= static_cast<int>(t[k + 1] < t[k]);
  }
  for (; i < end; ++i) found |= static_cast<int>(t[i + 1] < t[i]);
  return found;
}

}  // namespace

double half_to_double(std::uint16_t half) noexcept {
  const int exponent = (half >> 10) & 31;
  const int mantissa = half & 1023;
  double value;
  if (exponent == 31) {
    value =
        mantissa != 0 ? std::numeric_limits<double>::quiet_NaN() : std::numeric_limits<double>::infinity();
  } else if (exponent == 0) {
    value = std::ldexp(mantissa, -24);
  } else {
    value = std::ldexp(mantissa + 1024, exponent - 25);
  }
  return (half & 0x8000) != 0 ? -value : value;
}

TimeKind time_kind(const std::vector<const TimeColumn*>& columns) {
  bool any_uint64 = false;
  bool all_unsigned = true;
  for (const TimeColumn* column : columns) {
    const ColumnType type = column->column.type;
    if (is_float(type)) return TimeKind::kFloat;
    any_uint64 |= type == ColumnType::kUInt64;
    all_unsigned &= is_unsigned(type);
  }
  return any_uint64 && all_unsigned ? TimeKind::kUnsigned : TimeKind::kSigned;
}

bool ascends(const Context& context, const std::int64_t* t, std::int64_t count) {
  std::atomic<bool> bad{false};
  context.ranges(count - 1, kTaskRows, [&](std::int64_t begin, std::int64_t end) {
    if (bad.load(std::memory_order_relaxed)) return;
    // Blocks, so that an unsorted column is given up early.
    for (std::int64_t block = begin; block < end; block += 4096) {
      const std::int64_t stop = std::min(end, block + 4096);
      if (steps_back(t, block, stop) != 0) {
        bad.store(true, std::memory_order_relaxed);
        return;
      }
    }
  });
  return !bad.load();
}

bool ascends_from(const std::int64_t* t, std::int64_t begin, std::int64_t end) noexcept {
  return begin >= end || steps_back(t, std::max<std::int64_t>(begin - 1, 0), end - 1) == 0;
}

void settle_order(const Context& context, Times& times) {
  if (!times.settled) times.ascending = ascends(context, times.t, times.count);
  times.settled = true;
}

bool read_times_into(const TimeColumn& column, TimeKind kind, std::int64_t* out, std::uint8_t* dead) {
  if (is_float(column.column.type) != (kind == TimeKind::kFloat)) {
    throw Error(ErrorCode::SCHEMA, column.column.name + ": float and integer times cannot be joined");
  }
  std::atomic<bool> any_dead{false};
  FirstRow too_large;
  const Piecewise convert{column, kind, out, dead, any_dead, too_large};
  std::int64_t row = 0;
  for (const Chunk& chunk : column.column.chunks) {
    convert({&chunk, 0, chunk.length, row});
    row += chunk.length;
  }
  if (too_large.found()) overflow(column, too_large.row());
  return any_dead.load(std::memory_order_relaxed);
}

Times read_times(const Context& context, const TimeColumn& column, TimeKind kind, bool sample) {
  Times times;
  times.kind = kind;
  times.name = column.column.name;
  times.unit = column.unit;
  times.count = column.column.rows();
  if (is_float(column.column.type) != (kind == TimeKind::kFloat)) {
    throw Error(ErrorCode::SCHEMA, column.column.name + ": float and integer times cannot be joined");
  }
  const Chunk* only = nullptr;
  std::int64_t filled = 0;
  bool nulls = false;
  for (const Chunk& chunk : column.column.chunks) {
    if (chunk.length == 0) continue;
    only = &chunk;
    ++filled;
    nulls |= chunk.validity != nullptr;
  }
  const bool aligned = only == nullptr || (reinterpret_cast<std::uintptr_t>(only->values) & 7) == 0;
  if (column.column.type == ColumnType::kInt64 && kind == TimeKind::kSigned && column.scale == 1 &&
      filled <= 1 && !nulls && aligned) {
    times.t = only == nullptr ? nullptr : reinterpret_cast<const std::int64_t*>(only->values);
  } else {
    times.owned = Buffer(static_cast<std::size_t>(times.count) * 8);
    if (nulls || kind == TimeKind::kFloat) times.dead.resize(static_cast<std::size_t>(times.count));
    std::atomic<bool> any_dead{false};
    FirstRow too_large;
    const Piecewise convert{
        column,   kind,     times.owned.as<std::int64_t>(), times.dead.empty() ? nullptr : times.dead.data(),
        any_dead, too_large};
    const std::vector<Piece> pieces = pieces_of(column.column);
    context.tasks(static_cast<std::int64_t>(pieces.size()),
                  [&](std::int64_t task, int) { convert(pieces[static_cast<std::size_t>(task)]); });
    if (too_large.found()) overflow(column, too_large.row());
    if (any_dead) {
      std::int64_t* t = times.owned.as<std::int64_t>();
      std::int64_t last = INT64_MIN;
      for (std::int64_t i = 0; i < times.count; ++i) {
        if (times.dead[static_cast<std::size_t>(i)] != 0) t[i] = last;
        last = t[i];
      }
    } else {
      times.dead.clear();
    }
    times.t = times.owned.as<std::int64_t>();
  }
  times.settled = !sample || !times.owned.empty() || times.count <= kSample;
  if (times.settled) {
    times.ascending = ascends(context, times.t, times.count);
    return times;
  }
  const std::int64_t step = times.count / kSample;
  for (std::int64_t i = step; i < times.count && times.ascending; i += step) {
    times.ascending = times.t[i - step] <= times.t[i] && times.t[i - 1] <= times.t[i];
  }
  times.settled = !times.ascending;
  return times;
}

}  // namespace flowstate::asof
