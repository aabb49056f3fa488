// memoryMatrix: a feature matrix out of columns in device memory, queued.
#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "binding/addon_data.h"
#include "binding/device_arguments.h"
#include "binding/device_session.h"
#include "binding/guard.h"
#include "binding/marshal.h"
#include "flowstate/device/feature_matrix.h"

namespace flowstate::binding {

namespace {

using device::Event;
using device::FeatureType;

// By FeatureType; 0: one bit.
constexpr std::array<std::size_t, functors::kFeatureTypes> kWidths = {1, 1, 2, 2, 4, 4, 8, 8, 2, 4, 8, 0};

std::size_t enum_of(const Napi::Object& object, const char* key, std::size_t values) {
  const std::size_t value = size_of(get(object, key), key);
  if (value >= values) throw Error(ErrorCode::ARG_RANGE, std::string("native matrix: unknown ") + key);
  return value;
}

double number_of(const Napi::Object& object, const char* key) {
  const Napi::Value value = get(object, key);
  if (!value.IsNumber())
    throw Error(ErrorCode::ARG_TYPE, std::string("native matrix: expected a number as ") + key);
  return value.As<Napi::Number>().DoubleValue();
}

std::size_t bytes_of_rows(FeatureType type, std::size_t rows) {
  const std::size_t width = kWidths[static_cast<std::size_t>(type)];
  return width == 0 ? (rows + 7) / 8 : width * rows;
}

class MatrixArguments {
 public:
  MatrixArguments(std::shared_ptr<DeviceMemory> target, const Napi::Object& request)
      : target_(std::move(target)) {
    request_.rows = size_of(get(request, "rows"), "rows");
    request_.type = static_cast<device::MatrixType>(enum_of(request, "type", 4));
    request_.layout = static_cast<device::MatrixLayout>(enum_of(request, "layout", 2));
    const Napi::Array columns = get_array(request, "columns");
    for (std::uint32_t i = 0; i < columns.Length(); ++i) add(columns.Get(i).As<Napi::Object>());
    request_.columns = columns_;
    std::size_t bytes = 0;
    if (__builtin_mul_overflow(request_.rows, columns_.size() * device::matrix_element_bytes(request_.type),
                               &bytes)) {
      throw Error(ErrorCode::ARG_RANGE, "native matrix: it has more bytes than can be addressed");
    }
    out_ = target_->at(0, bytes);
  }

  void queue(const std::shared_ptr<DeviceMemory>& first_null) {
    DeviceSession& session = *target_->session;
    session.require_open();
    std::vector<std::shared_ptr<DeviceMemory>> touched = sources_;
    touched.push_back(target_);
    auto* const cell = first_null ? reinterpret_cast<std::uint64_t*>(first_null->at(0, 8)) : nullptr;
    if (first_null) touched.push_back(first_null);
    for (const auto& memory : touched) {
      if (memory->session != target_->session) {
        throw Error(ErrorCode::ARG_RANGE, "native matrix: columns and matrix are of different devices");
      }
    }
    if (is_source(target_) || (first_null && is_source(first_null))) {
      throw Error(ErrorCode::ARG_RANGE, "native matrix: the matrix cannot lie in its columns' memory");
    }
    const bool is_busy =
        target_->uses > 0 || (first_null && first_null->uses > 0) ||
        std::any_of(sources_.begin(), sources_.end(), [](const auto& memory) { return memory->writers > 0; });
    if (is_busy) throw Error(ErrorCode::BUSY, "a copy from or to the memory is under way; wait for it first");
    // Validate first: the event exists before anything is queued.
    const std::shared_ptr<Event> ready = session.device->create_event();
    for (const auto& memory : touched) {
      if (memory->ready) session.compute->wait(*memory->ready);
    }
    for (const auto& memory : touched) memory->buffer.used_on(session.compute);
    const auto mark = [&] {
      session.compute->record(*ready);
      for (const auto& memory : touched) memory->ready = ready;
    };
    try {
      if (cell != nullptr) session.compute->fill(cell, 0xFF, sizeof *cell);
      device::assemble_matrix(*session.compute, request_, out_, cell);
    } catch (...) {
      // A wide matrix is several launches: those that were accepted still read the columns.
      try {
        mark();
      } catch (const Error&) {
        // A device that cannot record is lost, and runs nothing.
      }
      throw;
    }
    mark();
  }

 private:
  bool is_source(const std::shared_ptr<DeviceMemory>& memory) const {
    return std::find(sources_.begin(), sources_.end(), memory) != sources_.end();
  }

  DeviceMemory& source(const Napi::Value& value) {
    std::shared_ptr<DeviceMemory> memory = memory_of(value);
    if (!is_source(memory)) sources_.push_back(memory);
    return *memory;
  }

  // The region at the offset under `key`, or null where that is null.
  static const std::byte* region(const DeviceMemory& memory, const Napi::Object& column, const char* key,
                                 std::size_t bytes, std::size_t alignment) {
    const Napi::Value offset = get(column, key);
    if (is_nullish(offset)) return nullptr;
    const std::size_t at = size_of(offset, key);
    if (at % alignment != 0) throw Error(ErrorCode::ARG_RANGE, "native matrix: a column is not aligned");
    return memory.at(at, bytes);
  }

  void add(const Napi::Object& from) {
    device::MatrixColumn column;
    column.type = static_cast<FeatureType>(enum_of(from, "type", functors::kFeatureTypes));
    column.is_mask = get_bool(from, "isMask");
    const std::size_t length = size_of(get(from, "length"), "length");
    const DeviceMemory& memory = source(get(from, "memory"));
    const std::size_t width = std::max<std::size_t>(kWidths[static_cast<std::size_t>(column.type)], 1);
    column.values = region(memory, from, "values", bytes_of_rows(column.type, length), width);
    if (const Napi::Value validity = get(from, "validityMemory"); !is_nullish(validity)) {
      column.validity = reinterpret_cast<const std::uint8_t*>(
          region(source(validity), from, "validity", (length + 7) / 8, 1));
    }
    if (const Napi::Value index = get(from, "indexMemory"); !is_nullish(index)) {
      column.index = reinterpret_cast<const std::int32_t*>(
          region(source(index), from, "index", request_.rows * sizeof(std::int32_t), sizeof(std::int32_t)));
      if (length > static_cast<std::size_t>(INT32_MAX)) {
        throw Error(ErrorCode::ARG_RANGE, "native matrix: a column has more rows than an int32 can name");
      }
      column.length = static_cast<std::uint32_t>(length);
    } else if (length < request_.rows) {
      throw Error(ErrorCode::LENGTH, "native matrix: a column has fewer rows than the matrix");
    }
    if (column.values == nullptr && !column.is_mask && length > 0) {
      throw Error(ErrorCode::ARG_RANGE, "native matrix: a column has no values");
    }
    column.mean = number_of(from, "mean");
    column.whole_mean = whole_mean(get(from, "wholeMean"), column.type);
    column.scale = number_of(from, "scale");
    column.fill = number_of(from, "fill");
    columns_.push_back(column);
  }

  static std::optional<std::uint64_t> whole_mean(const Napi::Value& value, FeatureType type) {
    if (is_nullish(value)) return std::nullopt;
    if (!value.IsBigInt()) throw Error(ErrorCode::ARG_TYPE, "native matrix: expected a bigint as wholeMean");
    const Napi::BigInt whole = value.As<Napi::BigInt>();
    bool lossless = false;
    const std::uint64_t bits = type == FeatureType::kUint64
                                   ? whole.Uint64Value(&lossless)
                                   : static_cast<std::uint64_t>(whole.Int64Value(&lossless));
    if (!lossless) throw Error(ErrorCode::ARG_RANGE, "native matrix: wholeMean does not fit 64 bits");
    return bits;
  }

  std::shared_ptr<DeviceMemory> target_;
  std::vector<std::shared_ptr<DeviceMemory>> sources_;
  std::vector<device::MatrixColumn> columns_;
  device::MatrixRequest request_;
  std::byte* out_ = nullptr;
};

// memoryMatrix(target, { rows, type, layout, columns: [{ memory, values, validityMemory, validity, indexMemory, index,
// length, type, isMask, mean, wholeMean, scale, fill }] }, firstNull): void; queued
Napi::Value memory_matrix(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    if (!info[1].IsObject()) throw Error(ErrorCode::ARG_TYPE, "native matrix: expected a request");
    MatrixArguments arguments(memory_of(info[0]), info[1].As<Napi::Object>());
    arguments.queue(is_nullish(info[2]) ? nullptr : memory_of(info[2]));
    return info.Env().Undefined();
  });
}

}  // namespace

void register_matrix(Napi::Env env, Napi::Object exports) {
  exports.Set("memoryMatrix", Napi::Function::New(env, memory_matrix, "memoryMatrix"));
}

}  // namespace flowstate::binding
