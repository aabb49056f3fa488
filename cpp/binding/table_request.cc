#include "binding/table_request.h"

#include <algorithm>
#include <string>
#include <utility>

#include "binding/external.h"
#include "binding/marshal.h"

namespace flowstate::binding {

namespace {

constexpr std::int64_t kMaxRows = (std::int64_t{1} << 31) - 2;

[[noreturn]] void out_of_range(const std::string& name) {
  throw Error(ErrorCode::ARG_RANGE, "native request: " + name + " is out of range");
}

std::int64_t int_in(const Napi::Object& object, const char* key, std::int64_t low, std::int64_t high) {
  const std::int64_t value = get_int(object, key);
  if (value < low || value > high) out_of_range(key);
  return value;
}

std::size_t bits_bytes(std::int64_t rows) noexcept { return (static_cast<std::size_t>(rows) + 7) / 8; }

// Children may have more rows than a side of a join.
functors::Cells cells_from_js(const Napi::Object& object, RequestMemory& memory, std::int64_t rows,
                              const std::string& name) {
  functors::Cells cells;
  cells.type = static_cast<ColumnType>(int_in(object, "type", 0, static_cast<int>(ColumnType::kFixed)));
  cells.width = static_cast<std::int32_t>(int_in(object, "width", 0, INT32_MAX));
  if (cells.type < ColumnType::kBool && cells.width != byte_width(cells.type)) out_of_range("width");
  const auto count = static_cast<std::size_t>(rows);
  const bool is_bytes = cells.type == ColumnType::kBytes32 || cells.type == ColumnType::kBytes64;
  const std::size_t values = is_bytes ? 0
                             : cells.type == ColumnType::kBool
                                 ? bits_bytes(rows)
                                 : count * static_cast<std::size_t>(cells.width);
  cells.values = memory.at(object.Get("values"), values, name);
  if (is_bytes) {
    const std::size_t width = cells.type == ColumnType::kBytes32 ? 4 : 8;
    cells.offsets = memory.at(object.Get("offsets"), (count + 1) * width, name);
  }
  if (const Napi::Value validity = object.Get("validity"); !is_nullish(validity) && rows > 0) {
    cells.validity = reinterpret_cast<const std::uint8_t*>(memory.at(validity, bits_bytes(rows), name));
  }
  return cells;
}

std::int64_t region_bytes(const Napi::Value& region) {
  return is_nullish(region) ? 0 : get_int(region.As<Napi::Object>(), "byteLength");
}

device::TimeInput time_from_js(const Napi::Object& object, RequestMemory& memory) {
  device::TimeInput time;
  time.name = get_string(object, "name");
  time.unit = get_string(object, "unit");
  time.rows = static_cast<std::uint32_t>(int_in(object, "rows", 0, kMaxRows));
  time.scale = get_bigint(object, "scale");
  time.cells = cells_from_js(get_object(object, "cells"), memory, time.rows, time.name);
  if (time.cells.type >= ColumnType::kBool) out_of_range("a time's type");
  return time;
}

device::KeyInput key_from_js(const Napi::Object& object, RequestMemory& memory) {
  device::KeyInput key;
  key.name = get_string(object, "name");
  key.rows = static_cast<std::uint32_t>(int_in(object, "rows", 0, kMaxRows));
  key.scale = get_bigint(object, "scale");
  key.unsigned_foreign = get_bool(object, "unsignedForeign");
  key.cells = cells_from_js(get_object(object, "cells"), memory, key.rows, key.name);
  if (const Napi::Value entries = object.Get("entries"); !is_nullish(entries)) {
    key.is_dictionary = true;
    key.entry_count = static_cast<std::uint32_t>(int_in(object, "entryCount", 0, kMaxRows));
    key.entries = cells_from_js(entries.As<Napi::Object>(), memory, key.entry_count, key.name);
  }
  if (const Napi::Value numbers = object.Get("number"); !is_nullish(numbers)) {
    const Bytes bytes = bytes_of(numbers, "a dictionary's numbers");
    const auto* const first = reinterpret_cast<const std::int32_t*>(bytes.data);
    key.by_number = true;
    key.number.assign(first, first + bytes.size / sizeof(std::int32_t));
    key.known = static_cast<std::int32_t>(int_in(object, "known", 0, INT32_MAX / 2));
    key.numbers = static_cast<std::int32_t>(int_in(object, "numbers", key.known, INT32_MAX / 2));
  }
  const bool indexes = key.is_dictionary || key.by_number;
  const ColumnType most = indexes ? ColumnType::kUInt64 : ColumnType::kFixed;
  const auto is_text = [](const functors::Cells& cells) {
    return cells.type == ColumnType::kBytes32 || cells.type == ColumnType::kBytes64;
  };
  if (key.cells.type > most || is_text(key.cells) || is_text(key.entries)) out_of_range("a key's type");
  return key;
}

std::vector<device::KeyInput> keys_from_js(const Napi::Object& object, const char* name,
                                           RequestMemory& memory) {
  const Napi::Array keys = get_array(object, name);
  std::vector<device::KeyInput> result;
  for (std::uint32_t i = 0; i < keys.Length(); ++i) {
    result.push_back(key_from_js(keys.Get(i).As<Napi::Object>(), memory));
  }
  return result;
}

device::TakeInput take_from_js(const Napi::Object& object, RequestMemory& memory) {
  device::TakeInput take;
  take.name = get_string(object, "name");
  take.kind = static_cast<device::TakeKind>(int_in(object, "kind", 0, 5));
  take.rows = int_in(object, "rows", 0, std::int64_t{1} << 53);
  take.list_size = static_cast<std::int32_t>(int_in(object, "listSize", 0, INT32_MAX));
  if (take.kind == device::TakeKind::kFlat) {
    const Napi::Object cells = get_object(object, "cells");
    take.cells = cells_from_js(cells, memory, take.rows, take.name);
    take.values_bytes = region_bytes(cells.Get("values"));
  } else if (take.kind != device::TakeKind::kNull) {
    if (const Napi::Value validity = object.Get("validity"); !is_nullish(validity) && take.rows > 0) {
      take.cells.validity =
          reinterpret_cast<const std::uint8_t*>(memory.at(validity, bits_bytes(take.rows), take.name));
    }
    if (take.kind == device::TakeKind::kList || take.kind == device::TakeKind::kLargeList) {
      const std::size_t width = take.kind == device::TakeKind::kList ? 4 : 8;
      take.cells.offsets =
          memory.at(object.Get("offsets"), (static_cast<std::size_t>(take.rows) + 1) * width, take.name);
    }
  }
  const Napi::Array children = get_array(object, "children");
  for (std::uint32_t i = 0; i < children.Length(); ++i) {
    take.children.push_back(take_from_js(children.Get(i).As<Napi::Object>(), memory));
    const std::int64_t rows = take.children.back().rows;
    const bool fits = take.kind == device::TakeKind::kStruct      ? rows >= take.rows
                      : take.kind == device::TakeKind::kFixedList ? rows >= take.rows * take.list_size
                                                                  : true;
    if (!fits) throw Error(ErrorCode::LENGTH, take.name + ": a child has fewer rows than its column needs");
  }
  return take;
}

std::vector<device::TakeInput> takes_from_js(const Napi::Object& object, const char* name,
                                             RequestMemory& memory) {
  const Napi::Array columns = get_array(object, name);
  std::vector<device::TakeInput> result;
  for (std::uint32_t i = 0; i < columns.Length(); ++i) {
    result.push_back(take_from_js(columns.Get(i).As<Napi::Object>(), memory));
  }
  return result;
}

// A distance in the aligned unit: bigint for whole units, number for floats.
void distance_from_js(const Napi::Object& object, const char* key, std::int64_t& whole, double& real) {
  const Napi::Value value = object.Get(key);
  if (value.IsNumber()) {
    real = value.As<Napi::Number>().DoubleValue();
  } else {
    whole = get_bigint(object, key);
  }
}

device::TableStream stream_from_js(const Napi::Object& object, RequestMemory& memory) {
  device::TableStream stream;
  stream.left_time = time_from_js(get_object(object, "leftTime"), memory);
  stream.left_keys = keys_from_js(object, "leftKeys", memory);
  stream.right = right_from_js(get_object(object, "right"), memory);
  if (const Napi::Value index = object.Get("index"); !is_nullish(index)) {
    stream.index = shared_of<HeldTableIndex>(index, "a table index")->index;
    if (!stream.index) throw Error(ErrorCode::CLOSED, "the join index was released");
  }
  stream.payload = takes_from_js(object, "payload", memory);
  stream.direction = static_cast<asof::Direction>(int_in(object, "direction", 0, 2));
  stream.allow_exact = get_bool(object, "allowExact");
  stream.ties = static_cast<asof::Ties>(int_in(object, "ties", 0, 2));
  stream.nearest_tie = static_cast<asof::NearestTie>(int_in(object, "nearestTie", 0, 1));
  stream.has_tolerance = !is_nullish(object.Get("tolerance"));
  if (stream.has_tolerance) {
    distance_from_js(object, "tolerance", stream.tolerance, stream.tolerance_float);
  }
  stream.inner = get_bool(object, "inner");
  stream.unsorted = static_cast<asof::Unsorted>(int_in(object, "unsorted", 0, 1));
  stream.plan = static_cast<device::MatchPlan>(int_in(object, "plan", 0, 2));
  stream.want_matched = get_bool(object, "wantMatched");
  stream.want_age = get_bool(object, "wantAge");
  stream.age_scale = get_bigint(object, "ageScale");
  if (stream.age_scale < 1) out_of_range("ageScale");
  return stream;
}

}  // namespace

const std::byte* RequestMemory::at(const Napi::Value& region, std::size_t needed, const std::string& name) {
  if (is_nullish(region)) {
    if (needed == 0) return nullptr;
    throw Error(ErrorCode::LENGTH, name + ": a buffer of " + std::to_string(needed) + " bytes is missing");
  }
  const Napi::Object object = region.As<Napi::Object>();
  const auto& memory = shared_of<DeviceMemory>(get(object, "memory"), "device memory");
  memory->require_live();
  if (memory->writers > 0) {
    throw Error(ErrorCode::BUSY, name + ": a copy into its memory is under way; wait for it first");
  }
  if (memory->session != session) {
    throw Error(ErrorCode::ARG_RANGE, name + " lies on another device");
  }
  const auto bytes = static_cast<std::size_t>(int_in(object, "byteLength", 0, std::int64_t{1} << 53));
  if (bytes < needed) {
    throw Error(ErrorCode::LENGTH, name + ": a buffer must hold " + std::to_string(needed) + " bytes, got " +
                                       std::to_string(bytes));
  }
  const std::byte* const data =
      memory->at(static_cast<std::size_t>(int_in(object, "byteOffset", 0, std::int64_t{1} << 53)), bytes);
  if (std::find(known.begin(), known.end(), memory.get()) == known.end()) {
    known.push_back(memory.get());
    uses.emplace_back(memory, false);
    if (memory->ready) after.push_back(memory->ready);
  }
  return data;
}

device::RightInput right_from_js(const Napi::Object& object, RequestMemory& memory) {
  device::RightInput right;
  right.time = time_from_js(get_object(object, "time"), memory);
  if (const Napi::Value known = object.Get("known"); !is_nullish(known)) {
    right.known = time_from_js(known.As<Napi::Object>(), memory);
    if (right.known->rows != right.time.rows) out_of_range("the rows of knownAt");
  }
  right.keys = keys_from_js(object, "keys", memory);
  for (const device::KeyInput& key : right.keys) {
    if (key.rows != right.time.rows) out_of_range("the rows of a key");
  }
  right.domain = static_cast<functors::TimeDomain>(int_in(object, "domain", 0, 2));
  distance_from_js(object, "lag", right.lag, right.lag_float);
  if (right.lag < 0) out_of_range("lag");
  right.nulls_equal = get_bool(object, "nullsEqual");
  right.coded = get_bool(object, "coded");
  return right;
}

device::TableJoin join_from_js(const Napi::Object& object, RequestMemory& memory) {
  device::TableJoin join;
  join.left_rows = static_cast<std::uint32_t>(int_in(object, "leftRows", 0, kMaxRows));
  join.explain = get_bool(object, "explain");
  join.left_payload = takes_from_js(object, "leftPayload", memory);
  const Napi::Array streams = get_array(object, "streams");
  for (std::uint32_t i = 0; i < streams.Length(); ++i) {
    join.streams.push_back(stream_from_js(streams.Get(i).As<Napi::Object>(), memory));
  }
  return join;
}

}  // namespace flowstate::binding
