#include "device/table_case.h"

#include <cstring>
#include <map>
#include <numeric>
#include <optional>
#include <string>
#include <utility>

namespace flowstate::device::conformance {

namespace {

bool bit_at(const std::uint8_t* bits, std::int64_t i) { return ((bits[i >> 3] >> (i & 7)) & 1) != 0; }

void put_bit(std::vector<std::uint8_t>& bits, std::int64_t i, bool value) {
  bits.resize(std::max(bits.size(), static_cast<std::size_t>(i / 8 + 1)));
  if (value) bits[static_cast<std::size_t>(i / 8)] |= static_cast<std::uint8_t>(1 << (i & 7));
}

bool is_text(ColumnType type) { return type == ColumnType::kBytes32 || type == ColumnType::kBytes64; }

std::int64_t offset_at(const Column& column, const Chunk& chunk, std::int64_t i) {
  return column.type == ColumnType::kBytes32 ? static_cast<const std::int32_t*>(chunk.offsets)[i]
                                             : static_cast<const std::int64_t*>(chunk.offsets)[i];
}

template <typename Offset>
void append(std::vector<std::uint8_t>& bytes, Offset value) {
  const auto* const from = reinterpret_cast<const std::uint8_t*>(&value);
  bytes.insert(bytes.end(), from, from + sizeof value);
}

std::int64_t index_at(const Column& column, const Chunk& chunk, std::int64_t i) {
  functors::Cells cells;
  cells.values = chunk.values;
  cells.type = column.index_type;
  return functors::integer_of(cells, static_cast<std::uint64_t>(i));
}

// Text by row, dictionaries resolved.
std::vector<std::optional<std::string>> texts_of(const Column& column) {
  std::vector<std::optional<std::string>> texts;
  for (const Chunk& chunk : column.chunks) {
    for (std::int64_t i = 0; i < chunk.length; ++i) {
      if (chunk.validity != nullptr && !bit_at(chunk.validity, chunk.bit_offset + i)) {
        texts.push_back(std::nullopt);
      } else if (column.type == ColumnType::kDictionary) {
        const Column& values = column.dictionaries[static_cast<std::size_t>(chunk.dictionary)];
        texts.push_back(texts_of(values)[static_cast<std::size_t>(index_at(column, chunk, i))]);
      } else {
        const std::int64_t from = offset_at(column, chunk, i);
        texts.emplace_back(std::string(reinterpret_cast<const char*>(chunk.values) + from,
                                       static_cast<std::size_t>(offset_at(column, chunk, i + 1) - from)));
      }
    }
  }
  return texts;
}

bool is_text_key(const Column& column) {
  return is_text(column.type) || (column.type == ColumnType::kDictionary && !column.dictionaries.empty() &&
                                  is_text(column.dictionaries[0].type));
}

}  // namespace

TableCase::Flat TableCase::flatten(const Column& column) {
  Flat flat;
  std::int64_t end = 0;
  bool nulls = false;
  for (const Chunk& chunk : column.chunks) nulls |= chunk.validity != nullptr;
  const bool wide = column.type == ColumnType::kBytes64;
  if (is_text(column.type))
    wide ? append(flat.offsets, std::int64_t{0}) : append(flat.offsets, std::int32_t{0});
  for (const Chunk& chunk : column.chunks) {
    for (std::int64_t i = 0; i < chunk.length; ++i, ++flat.rows) {
      if (nulls) {
        put_bit(flat.validity, flat.rows,
                chunk.validity == nullptr || bit_at(chunk.validity, chunk.bit_offset + i));
      }
      if (column.type == ColumnType::kBool) {
        put_bit(flat.values, flat.rows, bit_at(chunk.values, chunk.bit_offset + i));
      } else if (is_text(column.type)) {
        const std::int64_t from = offset_at(column, chunk, i);
        const std::int64_t to = offset_at(column, chunk, i + 1);
        flat.values.insert(flat.values.end(), chunk.values + from, chunk.values + to);
        end += to - from;
        wide ? append(flat.offsets, end) : append(flat.offsets, static_cast<std::int32_t>(end));
      } else {
        const std::int64_t width = column.type == ColumnType::kFixed ? column.width : byte_width(column.type);
        flat.values.insert(flat.values.end(), chunk.values + i * width, chunk.values + (i + 1) * width);
      }
    }
  }
  return flat;
}

const void* TableCase::upload(const std::vector<std::uint8_t>& bytes) {
  buffers_.push_back(pool_->allocate(bytes.size(), stream_));
  stream_->copy_to_device(buffers_.back().data(), bytes.data(), bytes.size());
  stream_->synchronize();
  return buffers_.back().data();
}

functors::Cells TableCase::cells(const Column& column, std::int64_t* values_bytes) {
  const Flat flat = flatten(column);
  functors::Cells cells;
  cells.type = column.type;
  cells.width = column.type == ColumnType::kFixed ? column.width : byte_width(column.type);
  cells.values = upload(flat.values);
  if (!flat.offsets.empty()) cells.offsets = upload(flat.offsets);
  if (!flat.validity.empty()) cells.validity = static_cast<const std::uint8_t*>(upload(flat.validity));
  if (values_bytes != nullptr) *values_bytes = static_cast<std::int64_t>(flat.values.size());
  return cells;
}

TimeInput TableCase::time(const asof::TimeColumn& column) {
  return {cells(column.column), static_cast<std::uint32_t>(column.column.rows()), column.scale,
          column.column.name, column.unit};
}

TakeInput TableCase::take(const Column& column) {
  TakeInput input;
  input.cells = cells(column, &input.values_bytes);
  input.rows = column.rows();
  input.name = column.name;
  return input;
}

KeyInput TableCase::key(const asof::KeyColumn& column) {
  KeyInput key;
  key.rows = static_cast<std::uint32_t>(column.column.rows());
  key.scale = column.scale;
  key.unsigned_foreign = column.unsigned_foreign;
  key.name = column.column.name;
  if (column.column.type != ColumnType::kDictionary) {
    key.cells = cells(column.column);
    return key;
  }
  // The dictionaries end to end, indices counted on.
  key.is_dictionary = true;
  Column entries;
  std::vector<std::int64_t> first;
  for (const Column& values : column.column.dictionaries) {
    first.push_back(entries.rows());
    entries.type = values.type;
    entries.width = values.width;
    entries.chunks.insert(entries.chunks.end(), values.chunks.begin(), values.chunks.end());
  }
  key.entries = cells(entries);
  key.entry_count = static_cast<std::uint32_t>(entries.rows());
  Flat flat;
  for (const Chunk& chunk : column.column.chunks) {
    for (std::int64_t i = 0; i < chunk.length; ++i) {
      const bool valid = chunk.validity == nullptr || bit_at(chunk.validity, chunk.bit_offset + i);
      put_bit(flat.validity, flat.rows++, valid);
      append(flat.values,
             static_cast<std::int32_t>(valid ? first[static_cast<std::size_t>(chunk.dictionary)] +
                                                   index_at(column.column, chunk, i)
                                             : -1));
    }
  }
  key.cells.type = ColumnType::kInt32;
  key.cells.width = 4;
  key.cells.values = upload(flat.values);
  if (!flat.validity.empty()) key.cells.validity = static_cast<const std::uint8_t*>(upload(flat.validity));
  return key;
}

std::pair<KeyInput, KeyInput> TableCase::keys(const asof::KeyColumn& left, const asof::KeyColumn& right) {
  if (!is_text_key(left.column) && !is_text_key(right.column)) return {key(left), key(right)};
  std::map<std::string, std::int32_t> numbers;
  const auto number_all = [&](const asof::KeyColumn& column) {
    std::vector<std::uint8_t> values;
    std::vector<std::uint8_t> validity;
    std::int64_t row = 0;
    for (const auto& text : texts_of(column.column)) {
      put_bit(validity, row++, text.has_value());
      const auto next = static_cast<std::int32_t>(numbers.size());
      append(values, text ? numbers.emplace(*text, next).first->second : -7);
    }
    KeyInput key;
    key.name = column.column.name;
    key.rows = static_cast<std::uint32_t>(row);
    key.by_number = true;
    key.cells.type = ColumnType::kInt32;
    key.cells.width = 4;
    key.cells.values = upload(values);
    if (row > 0) key.cells.validity = static_cast<const std::uint8_t*>(upload(validity));
    return key;
  };
  KeyInput of_right = number_all(right);
  of_right.known = of_right.numbers = static_cast<std::int32_t>(numbers.size());
  KeyInput of_left = number_all(left);
  of_left.known = of_right.known;
  of_left.numbers = static_cast<std::int32_t>(numbers.size());
  for (KeyInput* key : {&of_left, &of_right}) {
    key->number.resize(static_cast<std::size_t>(key->numbers));
    std::iota(key->number.begin(), key->number.end(), 0);
  }
  return {std::move(of_left), std::move(of_right)};
}

TableCase::TableCase(const test::RandomCase& random, std::shared_ptr<DevicePool> pool,
                     std::shared_ptr<Stream> stream)
    : pool_(std::move(pool)), stream_(std::move(stream)) {
  const asof::JoinRequest& request = random.request;
  join_.left_rows = static_cast<std::uint32_t>(request.left_rows);
  for (const Column& column : request.left_payload) join_.left_payload.push_back(take(column));
  // The selection, which a join of tables keeps to itself.
  std::vector<std::uint8_t> row;
  for (std::uint32_t i = 0; i < join_.left_rows; ++i) append(row, i);
  TakeInput rows;
  rows.cells.type = ColumnType::kInt32;
  rows.cells.width = 4;
  rows.cells.values = upload(row);
  rows.rows = request.left_rows;
  join_.left_payload.push_back(rows);
  for (const asof::StreamRequest& from : request.streams) {
    const asof::Side& left = request.left_sides[static_cast<std::size_t>(from.left_side)];
    TableStream to;
    to.left_time = time(left.time);
    to.right.time = time(from.right.time);
    if (from.known_at) to.right.known = time(*from.known_at);
    for (std::size_t k = 0; k < left.keys.size(); ++k) {
      auto pair = keys(left.keys[k], from.right.keys[k]);
      to.left_keys.push_back(std::move(pair.first));
      to.right.keys.push_back(std::move(pair.second));
    }
    std::vector<ColumnType> types{left.time.column.type, from.right.time.column.type};
    if (from.known_at) types.push_back(from.known_at->column.type);
    bool any_uint64 = false;
    bool any_signed = false;
    for (const ColumnType type : types) {
      any_uint64 |= type == ColumnType::kUInt64;
      any_signed |= type <= ColumnType::kInt64;
      if (functors::is_float(type)) to.right.domain = functors::TimeDomain::kFloat;
    }
    if (any_uint64 && !any_signed) to.right.domain = functors::TimeDomain::kUnsigned;
    to.right.lag = from.lag;
    to.right.lag_float = from.lag_float;
    to.right.nulls_equal = from.null_keys_equal;
    to.right.coded = may_lack_times(to.left_time, to.right.domain) ||
                     may_lack_times(to.right.time, to.right.domain) || from.known_at || from.lag > 0 ||
                     from.lag_float > 0;
    for (const Column& column : from.payload) to.payload.push_back(take(column));
    to.direction = from.direction;
    to.allow_exact = from.allow_exact;
    to.ties = from.ties;
    to.nearest_tie = from.nearest_tie;
    to.has_tolerance = from.has_tolerance;
    to.tolerance = from.tolerance;
    to.tolerance_float = from.tolerance_float;
    to.inner = from.inner;
    to.unsorted = from.unsorted;
    to.want_matched = from.want_matched;
    to.want_age = from.want_age;
    to.age_scale = from.age_scale;
    join_.streams.push_back(std::move(to));
  }
}

asof::JoinResult TableCase::download(JoinWork& work, TableJoinResult result) const {
  const auto buffer = [&](const DeviceBuffer& from, std::size_t most) {
    Buffer to(std::min(from.bytes(), most));
    work.stream().copy_to_host(to.data(), from.data(), to.size());
    work.stream().synchronize();
    return to;
  };
  const auto column = [&](const TakenColumn& from, bool bits) {
    const std::size_t bit_bytes = static_cast<std::size_t>(from.length + 7) / 8;
    asof::OutputColumn to;
    to.length = from.length;
    to.null_count = from.null_count;
    to.values = buffer(from.values, bits ? bit_bytes : SIZE_MAX);
    to.offsets = buffer(from.offsets, SIZE_MAX);
    to.validity = buffer(from.validity, bit_bytes);
    return to;
  };
  asof::JoinResult out;
  out.rows = result.rows;
  out.has_selection = result.has_selection;
  for (std::size_t c = 0; c < result.left.size(); ++c) {
    const bool bits = join_.left_payload[c].cells.type == ColumnType::kBool;
    out.left.push_back(column(result.left[c], bits));
  }
  if (result.has_selection) {
    out.selection = std::move(out.left.back().values);
    out.left.pop_back();
  }
  for (std::size_t s = 0; s < result.streams.size(); ++s) {
    TableStreamResult& from = result.streams[s];
    asof::StreamResult to;
    for (std::size_t c = 0; c < from.columns.size(); ++c) {
      const bool bits = join_.streams[s].payload[c].cells.type == ColumnType::kBool;
      to.columns.push_back(column(from.columns[c], bits));
    }
    if (from.age) to.age = column(*from.age, false);
    if (from.matched) to.matched = column(*from.matched, true);
    to.stats = from.stats;
    out.streams.push_back(std::move(to));
  }
  return out;
}

}  // namespace flowstate::device::conformance
