// Explicit reading of JavaScript values. Every function names what it reads ("request.streams[0].lag"),
// because the message is all a caller sees; nothing is converted implicitly (a string is not a number, 1.5 is
// not an integer).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "binding/napi_setup.h"
#include "flowstate/column.h"
#include "flowstate/memory/buffer.h"

namespace flowstate::binding {

Napi::Value get(const Napi::Object& object, const char* key);
Napi::Object get_object(const Napi::Object& object, const char* key);
Napi::Array get_array(const Napi::Object& object, const char* key);
std::string get_string(const Napi::Object& object, const char* key);
bool get_bool(const Napi::Object& object, const char* key);
// An integer that a double holds exactly.
std::int64_t get_int(const Napi::Object& object, const char* key);
// A bigint that fits int64, losslessly.
std::int64_t get_bigint(const Napi::Object& object, const char* key);
bool is_nullish(const Napi::Value& value);

// The memory under a typed array or DataView. Throws Error DETACHED when its buffer was transferred away.
struct Bytes {
  const std::uint8_t* data = nullptr;
  std::size_t size = 0;
};
Bytes bytes_of(const Napi::Value& value, std::string_view what);

// The offsets and the validity bitmap of a chunk, held to its rows. Throw Error LENGTH.
const void* offsets_of(const Bytes& bytes, const Column& column, std::int64_t rows);
const std::uint8_t* validity_of(const Bytes& bytes, const Column& column, const Chunk& chunk);

// Builds a borrowed Column over the request's buffers: the request object must stay referenced while it is
// used.
Column column_from_js(const Napi::Object& object);

// Hands a result buffer to JavaScript without a copy; the memory goes back to the buffer cache when the
// ArrayBuffer is collected. Small buffers, and platforms without external buffers, get a copy.
Napi::Value buffer_to_js(Napi::Env env, Buffer&& buffer);

// An ArrayBuffer that V8 owns, contents undefined: write all of it. For results that a synchronous call returns: V8 frees
// them while it collects. What buffer_to_js hands out comes back in a later turn of the event loop only, and a caller
// that calls in a loop gives it none.
struct FreshMemory {
  Napi::ArrayBuffer buffer;
  std::uint8_t* data = nullptr;
};
FreshMemory fresh_memory(Napi::Env env, std::size_t size);

}  // namespace flowstate::binding
