// Hostile buffers: whatever a column claims, check_column either throws or the column can be joined and gathered
// without touching memory it does not own (the sanitizer is the judge).
#include <cstring>

#include "bytes.h"
#include "flowstate/asof/join.h"
#include "flowstate/error.h"
#include "flowstate/thread_pool.h"

using namespace flowstate;
using namespace flowstate::test;

namespace {

struct Hostile {
  ByteChoices& choices;
  Arena& arena;

  // A buffer of exactly `size` bytes from the input.
  std::uint8_t* buffer(std::int64_t size) {
    std::uint8_t* data = arena.bytes(static_cast<std::size_t>(size));
    for (std::int64_t i = 0; i < size; ++i) data[i] = choices.next();
    return data;
  }

  Column column(int depth) {
    Column column;
    column.type = static_cast<ColumnType>(choices.below(depth > 1 ? 15 : 17));
    column.index_type = static_cast<ColumnType>(choices.below(10));
    column.width = static_cast<std::int32_t>(choices.below(20));
    column.name = "c";
    const std::uint32_t chunks = choices.below(3);
    for (std::uint32_t k = 0; k < chunks; ++k) {
      Chunk chunk;
      chunk.length = choices.below(10);
      chunk.bit_offset = choices.below(4);
      chunk.values_bytes = choices.below(100);
      if (!choices.one_in(8)) chunk.values = buffer(chunk.values_bytes);
      // What the caller vouches for: length + 1 offsets and a bitmap of the right length.
      if (!choices.one_in(8)) chunk.offsets = buffer((chunk.length + 1) * 8);
      if (choices.one_in(2)) chunk.validity = buffer((chunk.bit_offset + chunk.length + 7) / 8);
      if (choices.one_in(16)) chunk.length = -chunk.length;
      chunk.dictionary = static_cast<std::int32_t>(choices.below(4)) - 1;
      column.chunks.push_back(chunk);
    }
    const std::uint32_t dictionaries = depth < 2 ? choices.below(3) : 0;
    for (std::uint32_t d = 0; d < dictionaries; ++d) column.dictionaries.push_back(this->column(depth + 1));
    return column;
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static ThreadPool pool(1);
  ByteChoices choices(data, size);
  Arena arena;
  Hostile hostile{choices, arena};
  const Column column = hostile.column(0);
  bool sound = true;
  try {
    check_column(column);
  } catch (const Error&) {
    sound = false;
  }
  // As key and payload of both sides, with times that fit.
  const std::int64_t rows = column.rows();
  if (rows < 0) return 0;
  const Column time =
      make_column(arena, ColumnType::kInt64, Cells(static_cast<std::size_t>(rows), cell(1)), "t");
  asof::JoinRequest request;
  request.left_rows = rows;
  request.left_sides.push_back({{time, 1, "ns"}, {{column, 1, false}}});
  asof::StreamRequest stream;
  stream.right = request.left_sides[0];
  if (column.type != ColumnType::kDictionary) stream.payload.push_back(column);
  stream.want_indices = true;
  request.streams.push_back(stream);
  const asof::CancelToken cancel;
  try {
    asof::join(request, pool, cancel);
    if (!sound) __builtin_trap();
  } catch (const Error&) {
  }
  return 0;
}
