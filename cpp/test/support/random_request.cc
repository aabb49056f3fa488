#include "support/random_request.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

namespace flowstate::test {
namespace {

using asof::Direction;

enum class TimeFamily { kSmall, kExtreme, kUnsigned, kMixedSign, kFloat };

struct Drawer {
  Choices& pick;
  RandomCase& out;
  int max_rows;

  Layout layout(std::int64_t rows) {
    Layout result;
    result.bit_offset = pick.one_in(2) ? 0 : pick.below(13);
    result.always_validity = pick.one_in(4);
    result.dictionaries = 1 + static_cast<int>(pick.below(3));
    if (pick.one_in(2)) {
      const std::uint32_t cuts = pick.below(4);
      for (std::uint32_t k = 0; k < cuts; ++k)
        result.cuts.push_back(pick.below(static_cast<std::uint32_t>(rows) + 1));
      std::sort(result.cuts.begin(), result.cuts.end());
    }
    return result;
  }

  std::int64_t rows() { return pick.one_in(12) ? 0 : pick.below(static_cast<std::uint32_t>(max_rows)) + 1; }

  double random_double() {
    static const double pool[] = {
        -std::numeric_limits<double>::infinity(), -1.5, -0.0,        0.0, 0.5, 1, 1.5, 2, 3,
        std::numeric_limits<double>::infinity(),  1e6,  std::nan("")};
    return pool[pick.below(12)];
  }

  std::int64_t random_int(TimeFamily family) {
    static const std::int64_t extremes[] = {INT64_MIN, INT64_MIN + 1, INT64_MIN + 2, -2,       -1, 0, 1,
                                            2,         INT64_MAX - 2, INT64_MAX - 1, INT64_MAX};
    if (family == TimeFamily::kExtreme || family == TimeFamily::kUnsigned) return extremes[pick.below(11)];
    if (family == TimeFamily::kMixedSign) return pick.below(20);
    return static_cast<std::int64_t>(pick.below(24)) - 4;
  }

  // A time column of `rows` values in some order, and its logical values.
  asof::TimeColumn time(TimeFamily family, std::int64_t rows, const std::string& name, int order,
                        std::vector<std::optional<LogicalTime>>& logical) {
    asof::TimeColumn time;
    ColumnType type = ColumnType::kInt64;
    if (family == TimeFamily::kFloat) {
      static const ColumnType types[] = {ColumnType::kFloat64, ColumnType::kFloat64, ColumnType::kFloat32,
                                         ColumnType::kFloat16};
      type = types[pick.below(4)];
    } else if (family == TimeFamily::kUnsigned) {
      type = ColumnType::kUInt64;
    } else if (family == TimeFamily::kMixedSign) {
      static const ColumnType types[] = {ColumnType::kUInt64, ColumnType::kUInt8, ColumnType::kInt16,
                                         ColumnType::kUInt32};
      type = types[pick.below(4)];
    } else if (family == TimeFamily::kSmall) {
      static const ColumnType types[] = {ColumnType::kInt64, ColumnType::kInt64, ColumnType::kInt32,
                                         ColumnType::kInt8, ColumnType::kInt16};
      type = types[pick.below(5)];
      static const std::int64_t scales[] = {1, 1, 2, 5};
      time.scale = scales[pick.below(4)];
    }
    const bool nulls = pick.one_in(3);
    Cells cells;
    for (std::int64_t row = 0; row < rows; ++row) {
      if (family == TimeFamily::kFloat) {
        double value = random_double();
        if (type == ColumnType::kFloat16 && std::fabs(value) == 1e6)
          value = 7;  // a half would make it infinite
        cells.push_back(cell_d(value));
      } else {
        cells.push_back(cell(random_int(family)));
      }
    }
    if (order == 0) {
      std::stable_sort(cells.begin(), cells.end(), [&](const auto& a, const auto& b) {
        if (family == TimeFamily::kFloat) return !std::isnan(a->d) && (std::isnan(b->d) || a->d < b->d);
        if (family == TimeFamily::kUnsigned) {
          return static_cast<std::uint64_t>(a->i) < static_cast<std::uint64_t>(b->i);
        }
        return a->i < b->i;
      });
    }
    for (auto& value : cells) {
      if (nulls && pick.one_in(5)) value.reset();
      std::optional<LogicalTime> seen;
      if (value && family == TimeFamily::kFloat) {
        if (!std::isnan(value->d)) seen = LogicalTime{0, value->d};
      } else if (value && family == TimeFamily::kUnsigned) {
        seen = LogicalTime{static_cast<Wide>(static_cast<std::uint64_t>(value->i)), 0};
      } else if (value) {
        seen = LogicalTime{static_cast<Wide>(value->i) * time.scale, 0};
      }
      logical.push_back(seen);
    }
    time.column = make_column(out.arena, type, cells, name, layout(rows));
    return time;
  }

  static std::string spell(const Cell& value, ColumnType type, std::int64_t scale, bool foreign, int width,
                           const std::string& unique) {
    switch (type) {
      case ColumnType::kFloat16:
      case ColumnType::kFloat32:
      case ColumnType::kFloat64:
        if (std::isnan(value.d)) return "nan";
        return std::to_string(value.d == 0 ? 0.0 : value.d);
      case ColumnType::kBytes32:
      case ColumnType::kBytes64:
        return "s" + value.s;
      case ColumnType::kFixed: {
        std::string text = value.s;
        text.resize(static_cast<std::size_t>(width), '\0');
        return "s" + text;
      }
      case ColumnType::kBool:
        return value.i != 0 ? "1" : "0";
      case ColumnType::kUInt64: {
        const Wide product = static_cast<Wide>(static_cast<std::uint64_t>(value.i)) * scale;
        if (foreign && product > INT64_MAX) return unique;
        return std::to_string(static_cast<std::uint64_t>(product));
      }
      default: {
        const Wide product = static_cast<Wide>(value.i) * scale;
        if (product > INT64_MAX || product < INT64_MIN) return unique;
        return std::to_string(static_cast<std::int64_t>(product));
      }
    }
  }

  struct KeyKind {
    ColumnType left;
    ColumnType right;
    std::int64_t left_scale = 1;
    bool left_foreign = false;
    int width = 0;
    int pool = 0;  // 0: small ints, 1: huge ints, 2: short strings, 3: all lengths, 4: floats
  };

  KeyKind key_kind() {
    static const KeyKind kinds[] = {
        {ColumnType::kInt32, ColumnType::kInt64},
        {ColumnType::kInt8, ColumnType::kUInt16},
        {ColumnType::kInt64, ColumnType::kInt64, 1000, false, 0, 1},
        {ColumnType::kInt64, ColumnType::kInt64, 1, false, 0, 1},
        {ColumnType::kUInt64, ColumnType::kInt64, 1, true, 0, 1},
        {ColumnType::kUInt64, ColumnType::kUInt64, 1, false, 0, 1},
        {ColumnType::kBool, ColumnType::kBool},
        {ColumnType::kFloat64, ColumnType::kFloat32, 1, false, 0, 4},
        {ColumnType::kFloat16, ColumnType::kFloat64, 1, false, 0, 4},
        {ColumnType::kBytes32, ColumnType::kBytes32, 1, false, 0, 2},
        {ColumnType::kBytes32, ColumnType::kBytes64, 1, false, 0, 3},
        {ColumnType::kBytes64, ColumnType::kBytes32, 1, false, 0, 2},
        {ColumnType::kFixed, ColumnType::kFixed, 1, false, 3, 2},
        {ColumnType::kFixed, ColumnType::kFixed, 1, false, 12, 2},
        {ColumnType::kFixed, ColumnType::kFixed, 1, false, 20, 3},
    };
    return kinds[pick.below(15)];
  }

  Cell key_value(const KeyKind& kind, std::uint32_t distinct) {
    static const std::int64_t huge[] = {0, 1, -1, INT64_MAX, INT64_MIN, INT64_MAX / 1000, 1000, 7000};
    static const char* const strings[] = {"", "A", "AAPL", "MSFT", "MSFU", "ABCDEFG", "ABCDEFGH"};
    static const std::string longer[] = {"ABCDEFGHIJKLMNO",         "ABCDEFGHIJKLMNOP",
                                         std::string("A\0", 2),     "ABCDEFGHIJKLMNOPQRSTUVW",
                                         "ABCDEFGHIJKLMNOPQRSTUVX", std::string("\0", 1)};
    const std::uint32_t at = pick.below(distinct);
    switch (kind.pool) {
      case 1:
        return *cell(huge[at % 8]);
      case 2:
        return *cell_s(strings[at % 7]);
      case 3:
        return at % 2 == 0 ? *cell_s(longer[at / 2 % 6]) : *cell_s(strings[at / 2 % 7]);
      case 4:
        return *cell_d(at % 5 == 0 ? std::nan("") : at % 5 == 1 ? -0.0 : at % 5 == 2 ? 0.0 : at * 0.5);
      default:
        return *cell(at % 100);
    }
  }

  asof::KeyColumn key(const KeyKind& kind, bool left, std::int64_t rows, const std::string& name,
                      std::uint32_t distinct, LogicalSide& logical) {
    asof::KeyColumn key;
    const ColumnType type = left ? kind.left : kind.right;
    if (left) {
      key.scale = kind.left_scale;
      key.unsigned_foreign = kind.left_foreign;
    }
    const bool nulls = pick.one_in(3);
    Cells cells;
    for (std::int64_t row = 0; row < rows; ++row) {
      std::optional<Cell> value = key_value(kind, distinct);
      if (nulls && pick.one_in(5)) value.reset();
      cells.push_back(value);
      std::optional<std::string> seen;
      if (value) {
        seen = spell(*value, type, key.scale, key.unsigned_foreign, kind.width,
                     "only this side " + name + std::to_string(value->i));
      }
      logical.keys[static_cast<std::size_t>(row)].push_back(seen);
    }
    if (type != ColumnType::kBool && pick.one_in(3)) {
      static const ColumnType indices[] = {ColumnType::kInt8, ColumnType::kUInt16, ColumnType::kInt32,
                                           ColumnType::kInt64};
      key.column =
          make_dictionary(out.arena, indices[pick.below(4)], type, cells, name, layout(rows), kind.width);
    } else {
      key.column = make_column(out.arena, type, cells, name, layout(rows), kind.width);
    }
    return key;
  }

  Column payload(std::int64_t rows, const std::string& name, Payload& keep) {
    static const ColumnType types[] = {ColumnType::kFloat64, ColumnType::kInt32, ColumnType::kInt8,
                                       ColumnType::kUInt16,  ColumnType::kBool,  ColumnType::kBytes32,
                                       ColumnType::kBytes64, ColumnType::kFixed, ColumnType::kFixed};
    const std::uint32_t at = pick.below(9);
    keep.type = types[at];
    keep.width = keep.type == ColumnType::kFixed ? (at == 7 ? 16 : 5) : byte_width(keep.type);
    const bool nulls = pick.one_in(2);
    for (std::int64_t row = 0; row < rows; ++row) {
      std::optional<Cell> value =
          Cell{row % 2 + row * 3, static_cast<double>(row) + 0.25,
               std::string(static_cast<std::size_t>(row % 4), static_cast<char>('a' + row % 26))};
      if (nulls && pick.one_in(3)) value.reset();
      keep.cells.push_back(value);
    }
    return make_column(out.arena, keep.type, keep.cells, name, layout(rows), keep.width);
  }
};

std::string check_column_output(const asof::OutputColumn& got, const Payload& source,
                                const std::vector<std::int32_t>& rows, const std::string& name) {
  const auto n = static_cast<std::int64_t>(rows.size());
  if (got.length != n) return name + ": length";
  std::int64_t nulls = 0;
  std::string bytes;
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int32_t row = rows[static_cast<std::size_t>(i)];
    const bool valid = row >= 0 && source.cells[static_cast<std::size_t>(row)].has_value();
    nulls += !valid;
    const std::string at = name + "[" + std::to_string(i) + "]";
    if (!got.validity.empty() && ((got.validity.data()[i / 8] >> (i % 8)) & 1) != valid)
      return at + ": validity";
    const Cell value = valid ? *source.cells[static_cast<std::size_t>(row)] : Cell{};
    if (source.type == ColumnType::kBool) {
      if (((got.values.data()[i / 8] >> (i % 8)) & 1) != (value.i != 0)) return at + ": bit";
    } else if (source.type == ColumnType::kBytes32 || source.type == ColumnType::kBytes64) {
      const bool narrow = source.type == ColumnType::kBytes32;
      const std::int64_t from =
          narrow ? got.offsets.as<std::int32_t>()[i] : got.offsets.as<std::int64_t>()[i];
      const std::int64_t to =
          narrow ? got.offsets.as<std::int32_t>()[i + 1] : got.offsets.as<std::int64_t>()[i + 1];
      if (i == 0 && from != 0) return at + ": first offset";
      if (to < from || to > static_cast<std::int64_t>(got.values.size())) return at + ": offsets";
      const std::string text(reinterpret_cast<const char*>(got.values.data()) + from,
                             static_cast<std::size_t>(to - from));
      if (text != value.s) return at + ": bytes";
    } else {
      std::string expected(static_cast<std::size_t>(source.width), '\0');
      if (source.type == ColumnType::kFixed) {
        std::memcpy(expected.data(), value.s.data(), std::min(expected.size(), value.s.size()));
      } else if (source.type == ColumnType::kFloat64) {
        std::memcpy(expected.data(), &value.d, 8);
      } else {
        std::memcpy(expected.data(), &value.i, expected.size());
      }
      if (std::memcmp(got.values.data() + i * source.width, expected.data(), expected.size()) != 0)
        return at + ": value";
    }
  }
  if (got.null_count != nulls) return name + ": null count";
  if (nulls == 0 && !got.validity.empty()) return name + ": a bitmap without nulls";
  if (nulls > 0 && got.validity.size() != static_cast<std::size_t>((n + 7) / 8))
    return name + ": bitmap size";
  return "";
}

}  // namespace

std::unique_ptr<RandomCase> make_random_case(Choices& pick, int max_rows) {
  auto result = std::make_unique<RandomCase>();
  RandomCase& out = *result;
  Drawer draw{pick, out, max_rows};
  const std::int64_t n = draw.rows();
  out.request.left_rows = n;
  const std::uint32_t families[] = {0, 0, 0, 1, 1, 2, 3, 4};
  const auto family = static_cast<TimeFamily>(families[pick.below(8)]);
  const std::uint32_t streams = pick.one_in(2) ? 1 : 1 + pick.below(4);
  const std::uint32_t key_columns = pick.below(4) == 0 ? 0 : 1 + pick.below(3);
  const std::uint32_t distinct = 1 + pick.below(12);
  const int order = static_cast<int>(pick.below(2));
  std::vector<Drawer::KeyKind> kinds;
  for (std::uint32_t k = 0; k < key_columns; ++k) kinds.push_back(draw.key_kind());
  LogicalSide left;
  left.keys.resize(static_cast<std::size_t>(n));
  asof::Side side;
  side.time = draw.time(family, n, "left.time", order, left.time);
  for (std::uint32_t k = 0; k < key_columns; ++k) {
    side.keys.push_back(draw.key(kinds[k], true, n, "left.key" + std::to_string(k), distinct, left));
  }
  out.request.left_sides.push_back(side);
  if (pick.one_in(3)) out.request.left_sides.push_back(side);
  const std::uint32_t left_columns = pick.below(3);
  for (std::uint32_t c = 0; c < left_columns; ++c) {
    out.left_payload.emplace_back();
    out.request.left_payload.push_back(
        draw.payload(n, "left.p" + std::to_string(c), out.left_payload.back()));
  }
  out.request.streams.resize(streams);
  for (std::uint32_t s = 0; s < streams; ++s) {
    asof::StreamRequest& stream = out.request.streams[s];
    LogicalStream logical;
    logical.is_float = family == TimeFamily::kFloat;
    logical.left = left;
    const std::int64_t m = draw.rows();
    logical.right.keys.resize(static_cast<std::size_t>(m));
    stream.left_side =
        static_cast<std::int32_t>(pick.below(static_cast<std::uint32_t>(out.request.left_sides.size())));
    stream.right.time = draw.time(family, m, "right.time", pick.one_in(4) ? 1 : order, logical.right.time);
    for (std::uint32_t k = 0; k < key_columns; ++k) {
      stream.right.keys.push_back(
          draw.key(kinds[k], false, m, "right.key" + std::to_string(k), distinct, logical.right));
    }
    stream.direction = static_cast<Direction>(pick.below(3));
    stream.allow_exact = !pick.one_in(3);
    stream.ties = static_cast<asof::Ties>(pick.below(3));
    stream.nearest_tie = static_cast<asof::NearestTie>(pick.below(2));
    stream.has_tolerance = pick.one_in(2);
    static const std::int64_t tolerances[] = {0, 1, 2, 3, 5, 10, INT64_MAX - 1, INT64_MAX};
    stream.tolerance = tolerances[pick.below(8)];
    static const double tolerances_float[] = {0, 0.5, 1, 2.5, std::numeric_limits<double>::infinity()};
    stream.tolerance_float = tolerances_float[pick.below(5)];
    if (stream.direction != Direction::kForward && pick.one_in(3)) {
      static const std::int64_t lags[] = {0, 1, 2, 5, INT64_MAX};
      stream.lag = lags[pick.below(5)];
      static const double lags_float[] = {0, 0.5, 1, 1e-300};
      stream.lag_float = lags_float[pick.below(4)];
    }
    if (pick.one_in(3)) {
      logical.has_known = true;
      stream.known_at = draw.time(family, m, "right.known", static_cast<int>(pick.below(2)), logical.known);
    }
    stream.null_keys_equal = pick.one_in(3);
    stream.unsorted = pick.one_in(5) ? asof::Unsorted::kError : asof::Unsorted::kSort;
    stream.inner = pick.one_in(4);
    stream.want_indices = !pick.one_in(4);
    stream.want_matched = pick.one_in(2);
    stream.want_age = family != TimeFamily::kExtreme && family != TimeFamily::kUnsigned && pick.one_in(2);
    stream.age_scale = pick.one_in(2) ? 1 : 1000;
    const std::uint32_t columns = pick.below(4);
    out.payload.emplace_back(columns);
    for (std::uint32_t c = 0; c < columns; ++c) {
      stream.payload.push_back(draw.payload(m, "right.p" + std::to_string(c), out.payload[s][c]));
    }
    out.streams.push_back(std::move(logical));
  }
  for (std::uint32_t s = 0; s < streams; ++s) out.streams[s].options = &out.request.streams[s];
  return result;
}

std::string difference(const RandomCase& random, const std::vector<OracleAnswer>& answers,
                       const asof::JoinResult& result) {
  std::vector<std::int32_t> selection;
  bool inner = false;
  for (const asof::StreamRequest& stream : random.request.streams) inner |= stream.inner;
  for (std::int64_t row = 0; row < random.request.left_rows; ++row) {
    bool keep = true;
    for (std::size_t s = 0; s < answers.size(); ++s) {
      keep &= !random.request.streams[s].inner || answers[s].rows[static_cast<std::size_t>(row)] >= 0;
    }
    if (keep) selection.push_back(static_cast<std::int32_t>(row));
  }
  if (result.has_selection != inner) return "has_selection";
  if (result.rows != static_cast<std::int64_t>(selection.size())) return "rows";
  if (inner) {
    if (result.selection.size() != selection.size() * 4 ||
        (!selection.empty() &&
         std::memcmp(result.selection.data(), selection.data(), selection.size() * 4) != 0)) {
      return "selection";
    }
    if (result.left.size() != random.left_payload.size()) return "left columns";
    for (std::size_t c = 0; c < random.left_payload.size(); ++c) {
      const std::string found = check_column_output(result.left[c], random.left_payload[c], selection,
                                                    "left column " + std::to_string(c));
      if (!found.empty()) return found;
    }
  }
  for (std::size_t s = 0; s < answers.size(); ++s) {
    const std::string name = "stream " + std::to_string(s);
    const asof::StreamRequest& options = random.request.streams[s];
    const asof::StreamResult& got = result.streams[s];
    const asof::StreamStats& a = answers[s].stats;
    const asof::StreamStats& b = got.stats;
    if (a.rows != b.rows || a.matched != b.matched || a.no_candidate != b.no_candidate ||
        a.tolerance_exceeded != b.tolerance_exceeded || a.right_rows != b.right_rows) {
      return name + ": statistics";
    }
    std::vector<std::int32_t> rows;
    for (const std::int32_t row : selection) rows.push_back(answers[s].rows[static_cast<std::size_t>(row)]);
    if (options.want_indices) {
      if (got.indices.size() != rows.size() * 4) return name + ": indices size";
      for (std::size_t i = 0; i < rows.size(); ++i) {
        if (got.indices.as<std::int32_t>()[i] != rows[i]) {
          return name + ": row " + std::to_string(selection[i]) + " matched " +
                 std::to_string(got.indices.as<std::int32_t>()[i]) + ", expected " + std::to_string(rows[i]);
        }
      }
    }
    if (got.columns.size() != random.payload[s].size()) return name + ": columns";
    for (std::size_t c = 0; c < random.payload[s].size(); ++c) {
      const std::string found = check_column_output(got.columns[c], random.payload[s][c], rows,
                                                    name + " column " + std::to_string(c));
      if (!found.empty()) return found;
    }
    for (std::size_t i = 0; options.want_matched && i < rows.size(); ++i) {
      if (((got.matched.values.data()[i / 8] >> (i % 8)) & 1) != (rows[i] >= 0)) return name + ": matched";
    }
    if (options.want_age) {
      Payload ages{random.streams[s].is_float ? ColumnType::kFloat64 : ColumnType::kInt64, 8, {}};
      std::vector<std::int32_t> places;
      for (std::size_t i = 0; i < rows.size(); ++i) {
        places.push_back(rows[i] < 0 ? -1 : static_cast<std::int32_t>(i));
        std::optional<Cell> age = Cell{};
        if (rows[i] >= 0) {
          const LogicalTime& l = *random.streams[s].left.time[static_cast<std::size_t>(selection[i])];
          const LogicalTime& r = *random.streams[s].right.time[static_cast<std::size_t>(rows[i])];
          const double apart = l.d == r.d ? 0.0 : l.d - r.d;
          age = Cell{static_cast<std::int64_t>((l.i - r.i) * options.age_scale), apart, {}};
        }
        ages.cells.push_back(age);
      }
      const std::string found = check_column_output(got.age, ages, places, name + " age");
      if (!found.empty()) return found;
    }
  }
  return "";
}

}  // namespace flowstate::test
