// libduckdb by its C API, loaded at run time from the package that ships it. The package carries no header, so the
// prototypes used are written out here, from the ones documented in @duckdb/node-bindings' duckdb.d.ts; the version
// is pinned exactly in package.json. Handles are opaque pointers.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace flowstate::io::duck {

using idx = std::uint64_t;
using State = int;  // 0 is success

using Database = struct DatabaseHandle*;
using Connection = struct ConnectionHandle*;
using Config = struct ConfigHandle*;
using Statement = struct StatementHandle*;
using Pending = struct PendingHandle*;
using Chunk = struct ChunkHandle*;
using Vector = struct VectorHandle*;
using LogicalType = struct LogicalTypeHandle*;
using ScalarFunction = struct ScalarFunctionHandle*;
using FunctionInfo = struct FunctionInfoHandle*;
using Callback = void (*)(FunctionInfo, Chunk, Vector);

// duckdb_result, passed by value to duckdb_fetch_chunk: five deprecated members and one pointer.
struct Result {
  idx deprecated_counts[3];
  void* deprecated_columns;
  char* deprecated_message;
  void* internal;
};
static_assert(sizeof(Result) == 48);

// duckdb_string_t: up to 12 bytes inline, longer ones behind a pointer.
struct String {
  std::uint32_t length;
  char prefix[4];
  union {
    char rest[8];
    const char* pointer;
  };
  const char* data() const noexcept { return length <= 12 ? prefix : pointer; }
};
static_assert(sizeof(String) == 16);

struct Interval {
  std::int32_t months;
  std::int32_t days;
  std::int64_t micros;
};

// duckdb_type values used here.
inline constexpr int kBigInt = 5;
inline constexpr int kAny = 34;

#define FS_DUCK_FUNCTIONS(X)                                              \
  X(create_config, State, (Config*))                                      \
  X(set_config, State, (Config, const char*, const char*))                \
  X(destroy_config, void, (Config*))                                      \
  X(open_ext, State, (const char*, Database*, Config, char**))            \
  X(close, void, (Database*))                                             \
  X(connect, State, (Database, Connection*))                              \
  X(disconnect, void, (Connection*))                                      \
  X(interrupt, void, (Connection))                                        \
  X(free, void, (void*))                                                  \
  X(query, State, (Connection, const char*, Result*))                     \
  X(destroy_result, void, (Result*))                                      \
  X(result_error, const char*, (Result*))                                 \
  X(prepare, State, (Connection, const char*, Statement*))                \
  X(prepare_error, const char*, (Statement))                              \
  X(destroy_prepare, void, (Statement*))                                  \
  X(pending_prepared_streaming, State, (Statement, Pending*))             \
  X(pending_error, const char*, (Pending))                                \
  X(execute_pending, State, (Pending, Result*))                           \
  X(destroy_pending, void, (Pending*))                                    \
  X(fetch_chunk, Chunk, (Result))                                         \
  X(destroy_data_chunk, void, (Chunk*))                                   \
  X(data_chunk_get_size, idx, (Chunk))                                    \
  X(data_chunk_get_vector, Vector, (Chunk, idx))                          \
  X(vector_get_data, void*, (Vector))                                     \
  X(vector_get_validity, std::uint64_t*, (Vector))                        \
  X(create_logical_type, LogicalType, (int))                              \
  X(destroy_logical_type, void, (LogicalType*))                           \
  X(create_scalar_function, ScalarFunction, ())                           \
  X(destroy_scalar_function, void, (ScalarFunction*))                     \
  X(scalar_function_set_name, void, (ScalarFunction, const char*))        \
  X(scalar_function_set_varargs, void, (ScalarFunction, LogicalType))     \
  X(scalar_function_set_special_handling, void, (ScalarFunction))         \
  X(scalar_function_set_volatile, void, (ScalarFunction))                 \
  X(scalar_function_add_parameter, void, (ScalarFunction, LogicalType))   \
  X(scalar_function_set_return_type, void, (ScalarFunction, LogicalType)) \
  X(scalar_function_set_function, void, (ScalarFunction, Callback))       \
  X(scalar_function_set_error, void, (FunctionInfo, const char*))         \
  X(register_scalar_function, State, (Connection, ScalarFunction))        \
  X(arrow_scan, State, (Connection, const char*, void*))

// The functions, resolved. Thread-safe to use; the library stays loaded for the life of the process.
struct Api {
#define FS_DUCK_MEMBER(name, result, arguments) result(*name) arguments = nullptr;
  FS_DUCK_FUNCTIONS(FS_DUCK_MEMBER)
#undef FS_DUCK_MEMBER
};

// Loads the library. Throws Error ADDON_UNAVAILABLE naming what is missing.
Api load(const std::string& library_path);

}  // namespace flowstate::io::duck
