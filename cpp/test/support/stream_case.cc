#include "support/stream_case.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "flowstate/thread_pool.h"

namespace flowstate::test {
namespace {

using stream::ColumnShape;
using stream::EngineBatch;
using stream::Kind;

enum class Family { kSmall, kExtreme, kUnsigned, kMixed, kFloat };

Cells pick_cells(const Cells& cells, const std::vector<std::int64_t>& rows) {
  Cells out;
  for (const std::int64_t row : rows) out.push_back(cells[static_cast<std::size_t>(row)]);
  return out;
}

Column column_of(Arena& arena, ColumnType type, const Cells& cells, const std::vector<std::int64_t>& rows,
                 const std::string& name, const Layout& layout, int width = 0) {
  return make_column(arena, type, pick_cells(cells, rows), name, layout, width);
}

double small_double(Choices& pick) {
  static const double pool[] = {
      -std::numeric_limits<double>::infinity(), -1.5,        -0.0, 0.0, 0.5, 1, 1.5, 2, 3, 7,
      std::numeric_limits<double>::infinity(),  std::nan("")};
  return pool[pick.below(12)];
}

void draw_times(Choices& pick, Family family, std::int64_t rows, bool left, std::int64_t scale,
                ColumnType type, Cells& cells, std::vector<std::optional<std::int64_t>>& engine, Kind kind) {
  static const std::int64_t extremes[] = {INT64_MIN, INT64_MIN + 1, INT64_MIN + 2, -1, 0,
                                          1,         INT64_MAX - 1, INT64_MAX};
  const bool nulls = pick.one_in(3);
  const std::uint32_t span = pick.one_in(2) ? 12 : 60;
  for (std::int64_t row = 0; row < rows; ++row) {
    Cell value;
    if (family == Family::kFloat) {
      value.d = small_double(pick);
    } else if (family == Family::kExtreme || (family == Family::kUnsigned && pick.one_in(2))) {
      value.i = extremes[pick.below(8)];
    } else {
      value.i = static_cast<std::int64_t>(pick.below(span)) - (family == Family::kSmall ? 4 : 0);
    }
    if (nulls && pick.one_in(6)) {
      cells.emplace_back();
      engine.emplace_back();
      continue;
    }
    cells.push_back(value);
    if (family == Family::kFloat) {
      engine.push_back(std::isnan(value.d) ? std::nullopt
                                           : std::optional<std::int64_t>(stream::engine_time(value.d)));
    } else if (kind == Kind::kUnsigned) {
      engine.push_back(stream::engine_time(static_cast<std::uint64_t>(value.i) *
                                           static_cast<std::uint64_t>(left ? 1 : scale)));
    } else {
      engine.push_back(value.i * (left ? 1 : scale));
    }
  }
  static_cast<void>(type);
}

void draw_order(Choices& pick, StreamInput& input) {
  const std::uint32_t sources = 1 + pick.below(3);
  for (std::int64_t row = 0; row < input.rows(); ++row) {
    input.source.push_back(static_cast<std::int32_t>(pick.below(sources)) - 1);
    input.sequence.push_back(row);
  }
  // Sequences need not rise with the row's number; they are unique within a source.
  for (std::size_t i = input.sequence.size(); i > 1; --i) {
    std::swap(input.sequence[i - 1], input.sequence[pick.below(static_cast<std::uint32_t>(i))]);
  }
}

void draw_payload(Choices& pick, StreamInput& input, std::vector<ColumnShape>& shapes,
                  const std::string& side) {
  static const ColumnType types[] = {ColumnType::kFloat64, ColumnType::kInt32, ColumnType::kInt8,
                                     ColumnType::kUInt16,  ColumnType::kBool,  ColumnType::kBytes32,
                                     ColumnType::kBytes64, ColumnType::kFixed, ColumnType::kFixed};
  const std::uint32_t columns = 1 + pick.below(4);
  for (std::uint32_t c = 0; c < columns; ++c) {
    Payload payload{ColumnType::kInt64, 8, {}};
    const std::uint32_t at = pick.below(9);
    if (c > 0) {
      payload.type = types[at];
      payload.width = payload.type == ColumnType::kFixed ? (at == 7 ? 16 : 5) : byte_width(payload.type);
    }
    const bool nulls = c > 0 && pick.one_in(2);
    for (std::int64_t row = 0; row < input.rows(); ++row) {
      std::optional<Cell> value =
          Cell{row, static_cast<double>(row) + 0.25,
               std::string(static_cast<std::size_t>(row % 4), static_cast<char>('a' + row % 26))};
      if (nulls && pick.one_in(3)) value.reset();
      payload.cells.push_back(value);
    }
    shapes.push_back({payload.type,
                      payload.type == ColumnType::kFixed ? payload.width : byte_width(payload.type),
                      side + ".p" + std::to_string(c)});
    input.payload.push_back(std::move(payload));
  }
}

void draw_key(Choices& pick, StreamInput& input, std::uint32_t form, bool left) {
  static const ColumnType ints[] = {ColumnType::kInt64, ColumnType::kInt32, ColumnType::kInt8};
  static const ColumnType texts[] = {ColumnType::kBytes32, ColumnType::kBytes64};
  static const ColumnType floats[] = {ColumnType::kFloat64, ColumnType::kFloat32};
  const std::uint32_t distinct = 1 + pick.below(5);
  Cells cells;
  for (std::int64_t row = 0; row < input.rows(); ++row) {
    const std::uint32_t value = pick.below(distinct);
    Cell key{static_cast<std::int64_t>(value), static_cast<double>(value), {}};
    if (form == 1) key.s = std::string(value * 6, static_cast<char>('a' + value % 2));
    if (form == 2 && value == 1) key.d = left ? 0.0 : -0.0;
    if (form == 2 && value == 2) key.d = std::nan("");
    std::optional<Cell> put = key;
    if (pick.one_in(8)) put.reset();
    cells.push_back(put);
  }
  input.key_types.push_back(form == 0   ? ints[pick.below(3)]
                            : form == 1 ? texts[pick.below(2)]
                                        : floats[pick.below(2)]);
  input.keys.push_back(std::move(cells));
}

asof::KeyColumn key_column(Arena& arena, const StreamInput& input, std::size_t k,
                           const std::vector<std::int64_t>& rows) {
  return {column_of(arena, input.key_types[k], input.keys[k], rows, "key", {}), 1, false};
}

// The bytes a value takes in an output; empty optional: null.
std::optional<std::string> spell(const Payload& payload, std::int64_t row) {
  if (row < 0) return std::nullopt;
  const std::optional<Cell>& cell = payload.cells[static_cast<std::size_t>(row)];
  if (!cell) return std::nullopt;
  if (payload.type == ColumnType::kBytes32 || payload.type == ColumnType::kBytes64) return cell->s;
  if (payload.type == ColumnType::kBool) return std::string(1, cell->i != 0 ? '\1' : '\0');
  std::string bytes(static_cast<std::size_t>(payload.width), '\0');
  if (payload.type == ColumnType::kFixed) {
    std::memcpy(bytes.data(), cell->s.data(), std::min(bytes.size(), cell->s.size()));
  } else if (payload.type == ColumnType::kFloat64) {
    std::memcpy(bytes.data(), &cell->d, 8);
  } else {
    std::memcpy(bytes.data(), &cell->i, bytes.size());
  }
  return bytes;
}

std::optional<std::string> value_at(const asof::OutputColumn& column, const Payload& payload,
                                    std::int64_t i) {
  const bool null = !column.validity.empty() && ((column.validity.data()[i / 8] >> (i % 8)) & 1) == 0;
  std::string bytes;
  if (payload.type == ColumnType::kBool) {
    bytes.assign(1, static_cast<char>((column.values.data()[i / 8] >> (i % 8)) & 1));
  } else if (payload.type == ColumnType::kBytes32) {
    const auto* offsets = column.offsets.as<std::int32_t>();
    bytes.assign(reinterpret_cast<const char*>(column.values.data()) + offsets[i],
                 static_cast<std::size_t>(offsets[i + 1] - offsets[i]));
  } else if (payload.type == ColumnType::kBytes64) {
    const auto* offsets = column.offsets.as<std::int64_t>();
    bytes.assign(reinterpret_cast<const char*>(column.values.data()) + offsets[i],
                 static_cast<std::size_t>(offsets[i + 1] - offsets[i]));
  } else {
    bytes.assign(reinterpret_cast<const char*>(column.values.data()) + i * payload.width,
                 static_cast<std::size_t>(payload.width));
  }
  if (!null) return bytes;
  // Null slots hold zeros.
  if (bytes.find_first_not_of('\0') != std::string::npos) return "rubbish in a null slot";
  return std::nullopt;
}

std::string compare(const asof::OutputColumn& column, const Payload& payload,
                    const std::vector<std::int64_t>& rows, const std::string& name) {
  if (column.length != static_cast<std::int64_t>(rows.size())) return name + ": length";
  std::int64_t nulls = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto expected = spell(payload, rows[i]);
    nulls += !expected.has_value();
    if (value_at(column, payload, static_cast<std::int64_t>(i)) != expected)
      return name + "[" + std::to_string(i) + "]";
  }
  if (nulls != column.null_count) return name + ": null count";
  if (nulls == 0 && !column.validity.empty()) return name + ": a bitmap without nulls";
  return "";
}

// Row numbers out of the first payload column.
std::vector<std::int64_t> numbers(const asof::OutputColumn& column) {
  std::vector<std::int64_t> rows;
  for (std::int64_t i = 0; i < column.length; ++i) {
    const bool null = !column.validity.empty() && ((column.validity.data()[i / 8] >> (i % 8)) & 1) == 0;
    rows.push_back(null ? -1 : column.values.as<std::int64_t>()[i]);
  }
  return rows;
}

}  // namespace

EngineBatch StreamInput::batch(Arena& arena, const std::vector<std::int64_t>& picked, const Layout& layout,
                               bool left, std::size_t streams, bool sequences) const {
  EngineBatch batch;
  batch.rows = static_cast<std::int64_t>(picked.size());
  batch.time = column_of(arena, time_type, time, picked, "time", layout);
  std::vector<Column> key_columns;
  for (std::size_t k = 0; k < keys.size(); ++k) {
    key_columns.push_back(column_of(arena, key_types[k], keys[k], picked, "key", layout));
  }
  batch.keys.assign(left ? streams : 1, key_columns);
  for (const Payload& column : payload) {
    batch.columns.push_back(
        column_of(arena, column.type, column.cells, picked, "payload", layout, column.width));
  }
  if (has_known) batch.known_at = column_of(arena, known_type, known, picked, "known", layout);
  if (!picked.empty()) batch.source = source[static_cast<std::size_t>(picked[0])];
  if (sequences) {
    Cells cells;
    for (const std::int64_t row : picked) cells.push_back(cell(sequence[static_cast<std::size_t>(row)]));
    batch.sequence = make_column(arena, ColumnType::kInt64, cells, "sequence", layout);
  }
  return batch;
}

std::vector<std::int64_t> StreamInput::ordered(const std::vector<std::int64_t>& rows) const {
  std::vector<std::int64_t> order = rows;
  std::sort(order.begin(), order.end(), [this](std::int64_t a, std::int64_t b) {
    const auto x = static_cast<std::size_t>(a);
    const auto y = static_cast<std::size_t>(b);
    if (engine_time[x] != engine_time[y]) return engine_time[x] < engine_time[y];  // none is first
    return source[x] != source[y] ? source[x] < source[y] : sequence[x] < sequence[y];
  });
  return order;
}

StreamCase make_stream_case(Choices& pick, const StreamCaseLimits& limits) {
  StreamCase out;
  static const Family families[] = {Family::kSmall,    Family::kSmall, Family::kSmall, Family::kExtreme,
                                    Family::kUnsigned, Family::kMixed, Family::kFloat};
  const Family family = families[pick.below(7)];
  const std::size_t streams =
      pick.one_in(2) ? 1 : 1 + pick.below(static_cast<std::uint32_t>(limits.max_streams));
  const std::uint32_t key_columns = pick.below(3);
  std::uint32_t forms[3] = {pick.below(3), pick.below(3), pick.below(3)};
  const auto rows = [&] {
    return static_cast<std::int64_t>(
        pick.one_in(12) ? 0 : 1 + pick.below(static_cast<std::uint32_t>(limits.max_rows)));
  };
  out.inputs.resize(streams + 1);
  StreamInput& left = out.inputs[0];
  const Kind kind = family == Family::kFloat      ? Kind::kFloat
                    : family == Family::kUnsigned ? Kind::kUnsigned
                                                  : Kind::kSigned;
  out.config.left_kind = family == Family::kMixed ? Kind::kUnsigned : kind;
  left.time_type = family == Family::kFloat                                  ? ColumnType::kFloat64
                   : family == Family::kUnsigned || family == Family::kMixed ? ColumnType::kUInt64
                                                                             : ColumnType::kInt64;
  draw_times(pick, family, rows(), true, 1, left.time_type, left.time, left.engine_time,
             out.config.left_kind);
  draw_order(pick, left);
  draw_payload(pick, left, out.config.left_columns, "left");
  for (std::uint32_t k = 0; k < key_columns; ++k) draw_key(pick, left, forms[k], true);
  out.config.ordered = !pick.one_in(3);
  out.config.sweep_each_emit = pick.one_in(2);
  for (std::size_t s = 0; s < streams; ++s) {
    StreamInput& right = out.inputs[s + 1];
    stream::StreamShape shape;
    shape.kind = kind;
    static const std::int64_t scales[] = {1, 1, 2, 5};
    if (family == Family::kSmall || family == Family::kMixed) {
      shape.left_scale = scales[pick.below(4)];
      shape.right_scale = scales[pick.below(4)];
    }
    right.time_type = family == Family::kFloat      ? ColumnType::kFloat64
                      : family == Family::kUnsigned ? ColumnType::kUInt64
                                                    : ColumnType::kInt64;
    draw_times(pick, family, rows(), false, shape.right_scale, right.time_type, right.time, right.engine_time,
               kind);
    draw_order(pick, right);
    draw_payload(pick, right, shape.payload, "right");
    for (std::uint32_t k = 0; k < key_columns; ++k) {
      draw_key(pick, right, forms[k], false);
      shape.keys.emplace_back();
    }
    shape.direction = static_cast<asof::Direction>(pick.below(3));
    shape.allow_exact = !pick.one_in(3);
    shape.ties = static_cast<asof::Ties>(pick.below(3));
    shape.nearest_tie = static_cast<asof::NearestTie>(pick.below(2));
    shape.has_tolerance = pick.one_in(2);
    static const std::int64_t tolerances[] = {0, 1, 2, 3, 5, 10, INT64_MAX - 1, INT64_MAX};
    shape.tolerance = tolerances[pick.below(8)];
    static const double tolerances_float[] = {0, 0.5, 1, 2.5, std::numeric_limits<double>::infinity()};
    shape.tolerance_float = tolerances_float[pick.below(5)];
    if (shape.direction != asof::Direction::kForward && pick.one_in(3)) {
      static const std::int64_t lags[] = {0, 1, 2, 5, INT64_MAX};
      shape.lag = lags[pick.below(5)];
      static const double lags_float[] = {0, 0.5, 1, 1e-300};
      shape.lag_float = lags_float[pick.below(4)];
    }
    if (pick.one_in(3)) {
      shape.has_known_at = true;
      right.has_known = true;
      right.known_type = right.time_type;
      std::vector<std::optional<std::int64_t>> unused;
      draw_times(pick, family, right.rows(), false, 1, right.time_type, right.known, unused, kind);
      if (family == Family::kSmall) shape.known_scale = scales[pick.below(4)];
    }
    shape.null_keys_equal = pick.one_in(3);
    shape.inner = pick.one_in(4);
    shape.want_matched = pick.one_in(2);
    shape.want_age = (family == Family::kSmall || family == Family::kFloat) && pick.one_in(2);
    shape.age_scale = pick.one_in(2) ? 1 : 1000;
    out.config.streams.push_back(std::move(shape));
  }
  return out;
}

Expected batch_answer(const StreamCase& random, const std::vector<std::int64_t>& left,
                      const std::vector<std::vector<std::int64_t>>& rights) {
  Arena arena;
  asof::JoinRequest request;
  Expected expected;
  expected.order = random.inputs[0].ordered(left);
  request.left_rows = static_cast<std::int64_t>(expected.order.size());
  std::vector<std::vector<std::int64_t>> orders;
  for (std::size_t s = 0; s < random.config.streams.size(); ++s) {
    const stream::StreamShape& shape = random.config.streams[s];
    const StreamInput& input = random.inputs[s + 1];
    orders.push_back(input.ordered(rights[s]));
    asof::Side side;
    side.time = {
        column_of(arena, random.inputs[0].time_type, random.inputs[0].time, expected.order, "left.time", {}),
        shape.left_scale, ""};
    asof::StreamRequest stream;
    stream.left_side = static_cast<std::int32_t>(s);
    stream.right.time = {column_of(arena, input.time_type, input.time, orders[s], "right.time", {}),
                         shape.right_scale, ""};
    for (std::size_t k = 0; k < input.keys.size(); ++k) {
      side.keys.push_back(key_column(arena, random.inputs[0], k, expected.order));
      stream.right.keys.push_back(key_column(arena, input, k, orders[s]));
    }
    if (shape.has_known_at) {
      stream.known_at = {column_of(arena, input.known_type, input.known, orders[s], "known", {}),
                         shape.known_scale, ""};
    }
    stream.direction = shape.direction;
    stream.allow_exact = shape.allow_exact;
    stream.ties = shape.ties;
    stream.nearest_tie = shape.nearest_tie;
    stream.has_tolerance = shape.has_tolerance;
    stream.tolerance = shape.tolerance;
    stream.tolerance_float = shape.tolerance_float;
    stream.lag = shape.lag;
    stream.lag_float = shape.lag_float;
    stream.null_keys_equal = shape.null_keys_equal;
    stream.want_indices = true;
    request.left_sides.push_back(std::move(side));
    request.streams.push_back(std::move(stream));
  }
  ThreadPool pool(1);
  const asof::CancelToken cancel;
  const asof::JoinResult result = asof::join(request, pool, cancel);
  for (std::size_t s = 0; s < random.config.streams.size(); ++s) {
    std::vector<std::int64_t> matches;
    for (std::size_t i = 0; i < expected.order.size(); ++i) {
      const std::int32_t row = result.streams[s].indices.as<std::int32_t>()[i];
      matches.push_back(row < 0 ? -1 : orders[s][static_cast<std::size_t>(row)]);
    }
    expected.matches.push_back(std::move(matches));
    expected.stats.push_back(result.streams[s].stats);
  }
  return expected;
}

std::string read_output(const StreamCase& random, const stream::EngineOutput& output,
                        std::vector<Emitted>& rows) {
  const auto n = static_cast<std::size_t>(output.rows);
  if (output.left.size() != random.inputs[0].payload.size()) return "left columns";
  if (output.row_ids.size() != n * 8) return "row ids";
  if (!output.ops.empty() && output.ops.size() != n) return "ops";
  const std::vector<std::int64_t> lefts = numbers(output.left[0]);
  for (std::size_t c = 0; c < output.left.size(); ++c) {
    const std::string found =
        compare(output.left[c], random.inputs[0].payload[c], lefts, "left " + std::to_string(c));
    if (!found.empty()) return found;
  }
  std::vector<std::vector<std::int64_t>> matches;
  for (std::size_t s = 0; s < output.streams.size(); ++s) {
    const stream::EngineStream& stream = output.streams[s];
    const stream::StreamShape& shape = random.config.streams[s];
    const StreamInput& input = random.inputs[s + 1];
    const std::string name = "stream " + std::to_string(s);
    matches.push_back(numbers(stream.columns[0]));
    for (std::size_t c = 0; c < stream.columns.size(); ++c) {
      const std::string found =
          compare(stream.columns[c], input.payload[c], matches[s], name + " column " + std::to_string(c));
      if (!found.empty()) return found;
    }
    Payload ages{shape.kind == Kind::kFloat ? ColumnType::kFloat64 : ColumnType::kInt64, 8, {}};
    Payload flags{ColumnType::kBool, 1, {}};
    std::vector<std::int64_t> places;
    std::vector<std::int64_t> all;
    for (std::size_t i = 0; i < n; ++i) {
      const bool matched = matches[s][i] >= 0;
      all.push_back(static_cast<std::int64_t>(i));
      places.push_back(matched ? static_cast<std::int64_t>(i) : -1);
      flags.cells.push_back(cell(matched ? 1 : 0));
      ages.cells.push_back(cell(0));
      if (!matched) continue;
      const Cell& l = *random.inputs[0].time[static_cast<std::size_t>(lefts[i])];
      const Cell& r = *input.time[static_cast<std::size_t>(matches[s][i])];
      if (shape.kind == Kind::kFloat) {
        ages.cells.back() = cell_d(l.d == r.d ? 0.0 : l.d - r.d);
      } else if (shape.want_age) {
        ages.cells.back() = cell((l.i * shape.left_scale - r.i * shape.right_scale) * shape.age_scale);
      }
    }
    if (shape.want_age && n > 0) {
      const std::string found = compare(stream.age, ages, places, name + " age");
      if (!found.empty()) return found;
    }
    if (shape.want_matched && n > 0) {
      const std::string found = compare(stream.matched, flags, all, name + " matched");
      if (!found.empty()) return found;
    }
  }
  for (std::size_t i = 0; i < n; ++i) {
    Emitted row{lefts[i],
                {},
                output.row_ids.as<std::int64_t>()[i],
                output.ops.empty() ? 1 : output.ops.as<std::int8_t>()[i]};
    for (const auto& stream : matches) row.matches.push_back(stream[i]);
    rows.push_back(std::move(row));
  }
  return "";
}

}  // namespace flowstate::test
