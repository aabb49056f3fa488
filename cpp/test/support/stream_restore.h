// A second engine with what lives in the first, by way of export_rows and load_rows.
#pragma once

#include <deque>

#include "flowstate/stream/streaming_join.h"

namespace flowstate::test {

inline Column column_of_export(const stream::ExportedColumn& from, std::int64_t rows) {
  Column column;
  column.type = from.type;
  column.width = from.width;
  column.name = "restored";
  Chunk chunk;
  chunk.length = rows;
  chunk.values = from.data.values.data();
  chunk.values_bytes = static_cast<std::int64_t>(from.data.values.size());
  chunk.offsets = from.data.offsets.data();
  chunk.validity = from.data.validity.data();
  if (rows > 0) column.chunks.push_back(chunk);
  return column;
}

inline stream::StreamEngine restored(stream::StreamEngine& engine) {
  stream::StreamEngine copy(engine.config());
  for (int step = 1; step <= engine.inputs(); ++step) {
    const int input = step % engine.inputs();  // the left last: its emitted rows look for their matches
    const stream::ExportedRows rows = engine.export_rows(input);
    stream::EngineBatch batch;
    batch.rows = rows.rows;
    batch.time = column_of_export(rows.time, rows.rows);
    for (const auto& list : rows.keys) {
      batch.keys.emplace_back();
      for (const auto& key : list) batch.keys.back().push_back(column_of_export(key, rows.rows));
    }
    for (const auto& column : rows.columns) batch.columns.push_back(column_of_export(column, rows.rows));
    if (rows.known_at) batch.known_at = column_of_export(*rows.known_at, rows.rows);
    batch.sequence = column_of_export(rows.sequence, rows.rows);
    for (const Buffer& flags : rows.dead_keys) batch.dead_keys.push_back(flags.data());
    copy.load_rows(input, batch, column_of_export(rows.source, rows.rows),
                   rows.row_ids.empty() ? nullptr : rows.row_ids.as<std::int64_t>());
  }
  copy.set_counters(engine.counters());
  return copy;
}

}  // namespace flowstate::test
