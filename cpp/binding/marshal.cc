#include "binding/marshal.h"

#include <cmath>
#include <cstring>
#include <memory>
#include <utility>

#include "flowstate/error.h"

namespace flowstate::binding {

namespace {

[[noreturn]] void wrong_type(const char* key, const char* expected) {
  throw Error(ErrorCode::ARG_TYPE, std::string("native request: ") + key + " must be " + expected);
}

// Below this a copy into V8's own heap costs less than an external buffer and its finalizer.
constexpr std::size_t kCopyBelow = 16 * 1024;

}  // namespace

Napi::Value get(const Napi::Object& object, const char* key) { return object.Get(key); }

Napi::Object get_object(const Napi::Object& object, const char* key) {
  const Napi::Value value = object.Get(key);
  if (!value.IsObject()) wrong_type(key, "an object");
  return value.As<Napi::Object>();
}

Napi::Array get_array(const Napi::Object& object, const char* key) {
  const Napi::Value value = object.Get(key);
  if (!value.IsArray()) wrong_type(key, "an array");
  return value.As<Napi::Array>();
}

std::string get_string(const Napi::Object& object, const char* key) {
  const Napi::Value value = object.Get(key);
  if (!value.IsString()) wrong_type(key, "a string");
  return value.As<Napi::String>().Utf8Value();
}

bool get_bool(const Napi::Object& object, const char* key) {
  const Napi::Value value = object.Get(key);
  if (!value.IsBoolean()) wrong_type(key, "a boolean");
  return value.As<Napi::Boolean>().Value();
}

std::int64_t get_int(const Napi::Object& object, const char* key) {
  const Napi::Value value = object.Get(key);
  if (!value.IsNumber()) wrong_type(key, "a number");
  const double number = value.As<Napi::Number>().DoubleValue();
  if (!(std::abs(number) <= 9007199254740991.0) || number != std::floor(number))
    wrong_type(key, "an integer");
  return static_cast<std::int64_t>(number);
}

std::int64_t get_bigint(const Napi::Object& object, const char* key) {
  const Napi::Value value = object.Get(key);
  if (!value.IsBigInt()) wrong_type(key, "a bigint");
  bool lossless = false;
  const std::int64_t number = value.As<Napi::BigInt>().Int64Value(&lossless);
  if (!lossless) wrong_type(key, "a bigint within int64");
  return number;
}

bool is_nullish(const Napi::Value& value) { return value.IsNull() || value.IsUndefined(); }

namespace {

std::size_t element_bytes(napi_typedarray_type type) {
  switch (type) {
    case napi_int16_array:
    case napi_uint16_array:
      return 2;
    case napi_int32_array:
    case napi_uint32_array:
    case napi_float32_array:
      return 4;
    case napi_float64_array:
    case napi_bigint64_array:
    case napi_biguint64_array:
      return 8;
    default:
      return 1;
  }
}

}  // namespace

// Called for every buffer of every small batch: as few calls into Node as it takes.
Bytes bytes_of(const Napi::Value& value, std::string_view what) {
  const napi_env env = value.Env();
  Bytes bytes;
  napi_value buffer = nullptr;
  void* data = nullptr;
  napi_typedarray_type type;
  std::size_t length = 0;
  std::size_t offset = 0;
  if (napi_get_typedarray_info(env, value, &type, &length, &data, &buffer, &offset) == napi_ok) {
    bytes.size = length * element_bytes(type);
  } else if (!value.IsDataView() ||
             napi_get_dataview_info(env, value, &bytes.size, &data, &buffer, &offset) != napi_ok) {
    throw Error(ErrorCode::ARG_TYPE, std::string(what) + ": a typed array was expected");
  }
  bool detached = false;
  // Fails on a SharedArrayBuffer, which cannot be detached.
  if (napi_is_detached_arraybuffer(env, buffer, &detached) == napi_ok && detached) {
    throw Error(ErrorCode::DETACHED,
                std::string(what) + ": the buffer was detached (transferred to another thread?)");
  }
  bytes.data = static_cast<const std::uint8_t*>(data);
  return bytes;
}

const void* offsets_of(const Bytes& bytes, const Column& column, std::int64_t rows) {
  const std::size_t entry = column.type == ColumnType::kBytes64 ? 8 : 4;
  // The core reads length + 1 offsets; only this side knows how many the array holds.
  if (bytes.size / entry < static_cast<std::size_t>(rows) + 1 && rows > 0) {
    throw Error(ErrorCode::LENGTH,
                column.name + ": the offsets buffer is too short for its " + std::to_string(rows) + " rows");
  }
  return bytes.data;
}

const std::uint8_t* validity_of(const Bytes& bytes, const Column& column, const Chunk& chunk) {
  if (static_cast<std::int64_t>(bytes.size) * 8 < chunk.bit_offset + chunk.length) {
    throw Error(ErrorCode::LENGTH, column.name + ": the validity bitmap is too short for its " +
                                       std::to_string(chunk.length) + " rows");
  }
  return bytes.data;
}

Column column_from_js(const Napi::Object& object) {
  Column column;
  column.name = get_string(object, "name");
  const auto type_of = [&object](const char* key) {
    const std::int64_t tag = get_int(object, key);
    if (tag < 0 || tag > static_cast<std::int64_t>(ColumnType::kDictionary))
      wrong_type(key, "a known column type");
    return static_cast<ColumnType>(tag);
  };
  column.type = type_of("type");
  column.index_type = type_of("indexType");
  const std::int64_t width = get_int(object, "width");
  if (width < 0 || width > (1 << 30)) wrong_type("width", "a row width in bytes");
  column.width = static_cast<std::int32_t>(width);

  const Napi::Array chunks = get_array(object, "chunks");
  column.chunks.reserve(chunks.Length());
  for (std::uint32_t i = 0; i < chunks.Length(); ++i) {
    const Napi::HandleScope scope(object.Env());
    const Napi::Value item = chunks.Get(i);
    if (!item.IsObject()) wrong_type("chunks[]", "an object");
    const Napi::Object from = item.As<Napi::Object>();
    Chunk chunk;
    chunk.length = get_int(from, "length");
    chunk.bit_offset = get_int(from, "bitOffset");
    chunk.dictionary = static_cast<std::int32_t>(get_int(from, "dictionary"));
    if (chunk.length < 0 || chunk.bit_offset < 0)
      wrong_type("chunks[]", "of non-negative length and bitOffset");
    if (const Napi::Value values = from.Get("values"); !is_nullish(values)) {
      const Bytes bytes = bytes_of(values, column.name);
      chunk.values = bytes.data;
      chunk.values_bytes = static_cast<std::int64_t>(bytes.size);
    }
    if (const Napi::Value offsets = from.Get("offsets"); !is_nullish(offsets)) {
      chunk.offsets = offsets_of(bytes_of(offsets, column.name), column, chunk.length);
    }
    if (const Napi::Value validity = from.Get("validity"); !is_nullish(validity)) {
      chunk.validity = validity_of(bytes_of(validity, column.name), column, chunk);
    }
    column.chunks.push_back(chunk);
  }

  const Napi::Array dictionaries = get_array(object, "dictionaries");
  for (std::uint32_t i = 0; i < dictionaries.Length(); ++i) {
    const Napi::Value item = dictionaries.Get(i);
    if (!item.IsObject()) wrong_type("dictionaries[]", "an object");
    column.dictionaries.push_back(column_from_js(item.As<Napi::Object>()));
  }
  return column;
}

Napi::Value buffer_to_js(Napi::Env env, Buffer&& buffer) {
  if (buffer.empty()) return Napi::ArrayBuffer::New(env, 0);
  const std::size_t size = buffer.size();
  if (size >= kCopyBelow) {
    auto owner = std::make_unique<Buffer>(std::move(buffer));
    napi_value result = nullptr;
    const napi_status status = napi_create_external_arraybuffer(
        env, owner->data(), size, [](napi_env, void*, void* hint) { delete static_cast<Buffer*>(hint); },
        owner.get(), &result);
    if (status == napi_ok) {
      owner.release();  // the finalizer has it now
      return Napi::Value(env, result);
    }
    buffer = std::move(*owner);
  }
  Napi::ArrayBuffer copy = Napi::ArrayBuffer::New(env, size);
  std::memcpy(copy.Data(), buffer.data(), size);
  return copy;
}

FreshMemory fresh_memory(Napi::Env env, std::size_t size) {
  // A Node buffer is the one memory of V8's that Node-API does not fill with zeros first.
  if (size >= kCopyBelow) {
    const auto bytes = Napi::Buffer<std::uint8_t>::New(env, size);
    Napi::ArrayBuffer under = bytes.ArrayBuffer();
    if (bytes.ByteOffset() == 0 && under.ByteLength() == size) {
      return {under, static_cast<std::uint8_t*>(under.Data())};
    }
  }
  Napi::ArrayBuffer zeros = Napi::ArrayBuffer::New(env, size);
  return {zeros, static_cast<std::uint8_t*>(zeros.Data())};
}

}  // namespace flowstate::binding
