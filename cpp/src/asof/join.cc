// The join itself: prepare every stream, then one pass over the left in blocks. While a block's matches are in the
// first-level cache, and the right rows they name in the second, every stream's columns are gathered from them.
#include "flowstate/asof/join.h"

#include <cstring>
#include <new>

#include "stream_state.h"

namespace flowstate::asof {
namespace {

constexpr std::int64_t kBlock = kMergeBlock;
constexpr int kMaxLanes = 2;

using Streams = std::vector<std::unique_ptr<StreamState>>;

void make_outputs(StreamState& stream, std::int64_t rows) {
  const StreamRequest& req = *stream.request;
  stream.payload.reserve(req.payload.size());
  for (const Column& column : req.payload) stream.payload.emplace_back(column, rows);
  if (req.want_age) {
    stream.age.emplace(rows, stream.choice.kind, req.age_scale, stream.left->name);
  }
  if (req.want_matched) stream.matched = Buffer(static_cast<std::size_t>((rows + 63) / 64) * 8);
}

// All of one stream's output rows [out, out + count), whose right rows are `rows`.
void gather_block(StreamState& stream, const std::int32_t* rows, const std::int32_t* left_rows,
                  std::int64_t count, std::int64_t out) {
  std::uint64_t bits[kBlock / 64];
  match_bits(rows, count, bits);
  for (PayloadColumn& column : stream.payload) column.gather(rows, count, out, bits);
  if (stream.age) stream.age->gather(stream.left->t, left_rows, stream.choice.r_time, rows, count, out, bits);
  if (!stream.matched.empty()) {
    auto* to = stream.matched.data() + out / 8;
    for (std::int64_t w = 0; w * 64 < count; ++w) {
      for (int b = 0; b < 8; ++b) to[w * 8 + b] = static_cast<std::uint8_t>(bits[w] >> (8 * b));
    }
  }
}

bool keeps_match(const StreamState& stream, bool inner) {
  if (inner || stream.request->want_indices) return true;
  for (const Column& column : stream.request->payload) {
    if (column.type == ColumnType::kBytes32 || column.type == ColumnType::kBytes64) return true;
  }
  return false;
}

// Chunks per task and tasks of the pass. Two lanes hide each other's latency while their tables share the caches;
// twice as many tasks as threads even out a busy core, unless tables are so large that starting one is the work.
struct Cutting {
  std::int64_t tasks = 1;
  int lanes = 1;
};

Cutting choose_cutting(const Context& context, const Streams& streams, std::int64_t left_rows) {
  std::int64_t table_bytes = 0;
  for (const auto& stream : streams) {
    if (stream->streamed && stream->right.order.code != nullptr)
      table_bytes += std::int64_t{4} * stream->groups;
  }
  Cutting cutting;
  if (left_rows >= 8 * kBlock && table_bytes <= (1 << 19)) cutting.lanes = kMaxLanes;
  if (context.threads > 1 && left_rows >= 16 * kBlock) {
    cutting.tasks = table_bytes <= (1 << 18) ? 2 * context.threads : context.threads;
    cutting.tasks = std::min(cutting.tasks, left_rows / (8 * kBlock));
  }
  return cutting;
}

// The left's rows [begin, end) as far as the pass has to look at them itself: throws Doubt where they do not ascend.
void check_order(const Streams& streams, std::int64_t begin, std::int64_t end) {
  const Times* seen = nullptr;
  for (const auto& stream : streams) {
    const Times* left = stream->left;
    if (left == seen || left->settled || !stream->streamed) continue;
    if (!ascends_from(left->t, begin, end)) throw Doubt();
    seen = left;
  }
}

// The pass over the left. With `gather` false only the matches are kept.
void pass(const Context& context, Streams& streams, std::int64_t left_rows, bool gather) {
  if (left_rows == 0) return;
  const Cutting cutting = choose_cutting(context, streams, left_rows);
  std::vector<MergeSides> sides;
  for (const auto& stream : streams) {
    if (stream->streamed) sides.push_back({stream->left->t, &stream->right, stream->strict});
  }
  const std::vector<std::int64_t> cuts = cut_left(left_rows, sides, cutting.tasks * cutting.lanes);
  std::vector<std::unique_ptr<MergeRun>> runs;
  for (const auto& stream : streams) {
    runs.push_back(stream->streamed ? std::make_unique<MergeRun>(context, stream->left->t, stream->right,
                                                                 stream->strict, cuts)
                                    : nullptr);
  }
  context.tasks(cutting.tasks, [&](std::int64_t task, int) {
    const int lanes = cutting.lanes;
    const auto first_chunk = static_cast<std::size_t>(task * lanes);
    std::vector<Lane> state(streams.size() * static_cast<std::size_t>(lanes));
    std::vector<Tally> tallies(streams.size());
    for (std::size_t s = 0; s < streams.size(); ++s) {
      for (int l = 0; runs[s] != nullptr && l < lanes; ++l) {
        state[s * static_cast<std::size_t>(lanes) + static_cast<std::size_t>(l)] =
            runs[s]->lane(first_chunk + static_cast<std::size_t>(l));
      }
    }
    MergeScratch scratch[kMaxLanes];
    std::int64_t at[kMaxLanes];
    std::int64_t end[kMaxLanes];
    for (int l = 0; l < lanes; ++l) {
      at[l] = cuts[first_chunk + static_cast<std::size_t>(l)];
      end[l] = cuts[first_chunk + static_cast<std::size_t>(l) + 1];
    }
    const auto unfinished = [&] {
      for (int l = 0; l < lanes; ++l) {
        if (at[l] < end[l]) return true;
      }
      return false;
    };
    while (unfinished()) {
      context.check_cancelled();
      for (int l = 0; l < lanes; ++l) check_order(streams, at[l], std::min(end[l], at[l] + kBlock));
      const LeftCodes* coded = nullptr;  // whose codes are in the scratch
      for (std::size_t s = 0; s < streams.size(); ++s) {
        StreamState& stream = *streams[s];
        Lane* mine = state.data() + s * static_cast<std::size_t>(lanes);
        if (stream.streamed) {
          for (int l = 0; l < lanes; ++l) {
            mine[l].end = std::min(end[l], at[l] + kBlock);
            mine[l].out = scratch[l].raw() - at[l];
            if (stream.right.order.code != nullptr && stream.left_codes != coded) {
              stream.left_codes->read(at[l], mine[l].end - at[l], scratch[l].codes());
            }
          }
          if (stream.right.order.code != nullptr) coded = stream.left_codes;
          merge_lanes(runs[s]->input(), mine, lanes);
        }
        for (int l = 0; l < lanes; ++l) {
          const std::int64_t count = std::min(kBlock, end[l] - at[l]);
          if (count <= 0) continue;
          auto* rows = stream.match.empty() ? reinterpret_cast<std::int32_t*>(scratch[l].raw())
                                            : stream.match.as<std::int32_t>() + at[l];
          if (stream.streamed) {
            const auto* ahead = stream.forward_rows.as<std::int32_t>();
            choose_block(stream.choice, stream.right, stream.left->t + at[l], scratch[l].raw(),
                         ahead != nullptr ? ahead + at[l] : nullptr, count, rows, tallies[s]);
          }
          if (gather) gather_block(stream, rows, nullptr, count, at[l]);
        }
      }
      for (int l = 0; l < lanes; ++l) at[l] = std::min(end[l], at[l] + kBlock);
    }
    for (std::size_t s = 0; s < streams.size(); ++s) streams[s]->add(tallies[s]);
  });
}

// Left rows that every inner stream has a match for, ascending.
Buffer select_rows(const Context& context, const Streams& streams, std::int64_t left_rows) {
  std::vector<const std::int32_t*> inner;
  for (const auto& stream : streams) {
    if (stream->request->inner) inner.push_back(stream->match.as<std::int32_t>());
  }
  const auto keep = [&](std::int64_t row) {
    std::int32_t any = 0;
    for (const std::int32_t* match : inner) any |= match[row];
    return any >= 0;
  };
  std::vector<std::int64_t> bases(static_cast<std::size_t>((left_rows + kTaskRows - 1) / kTaskRows) + 1, 0);
  context.ranges(left_rows, kTaskRows, [&](std::int64_t begin, std::int64_t end) {
    std::int64_t kept = 0;
    for (std::int64_t row = begin; row < end; ++row) kept += keep(row);
    bases[static_cast<std::size_t>(begin / kTaskRows) + 1] = kept;
  });
  for (std::size_t k = 1; k < bases.size(); ++k) bases[k] += bases[k - 1];
  Buffer selection(static_cast<std::size_t>(bases.back()) * 4);
  auto* out = selection.as<std::int32_t>();
  context.ranges(left_rows, kTaskRows, [&](std::int64_t begin, std::int64_t end) {
    std::int64_t at = bases[static_cast<std::size_t>(begin / kTaskRows)];
    for (std::int64_t row = begin; row < end; ++row) {
      if (keep(row)) out[at++] = static_cast<std::int32_t>(row);
    }
  });
  return selection;
}

// Gathers the rows an inner join keeps, of the left and of every stream; matches become those of the kept rows.
void gather_selected(const Context& context, const JoinRequest& request, Streams& streams, JoinResult& result,
                     std::int64_t rows) {
  const auto* selection = result.selection.as<std::int32_t>();
  std::vector<PayloadColumn> left;
  left.reserve(request.left_payload.size());
  for (const Column& column : request.left_payload) left.emplace_back(column, rows);
  std::vector<Buffer> kept;
  for (const auto& stream : streams) {
    make_outputs(*stream, rows);
    kept.emplace_back(static_cast<std::size_t>(rows) * 4);
  }
  context.ranges(rows, kBlock * 8, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t block = begin; block < end; block += kBlock) {
      const std::int64_t count = std::min(kBlock, end - block);
      std::uint64_t bits[kBlock / 64];
      match_bits(selection + block, count, bits);
      for (PayloadColumn& column : left) column.gather(selection + block, count, block, bits);
      for (std::size_t s = 0; s < streams.size(); ++s) {
        const auto* match = streams[s]->match.as<std::int32_t>();
        auto* to = kept[s].as<std::int32_t>() + block;
        for (std::int64_t i = 0; i < count; ++i) to[i] = match[selection[block + i]];
        gather_block(*streams[s], to, selection + block, count, block);
      }
    }
  });
  for (std::size_t s = 0; s < streams.size(); ++s) streams[s]->match = std::move(kept[s]);
  for (PayloadColumn& column : left) {
    if (column.is_bytes()) column.copy_bytes(context, selection);
    result.left.push_back(column.finish());
  }
}

StreamResult finish_stream(const Context& context, StreamState& stream, std::int64_t left_rows,
                           std::int64_t rows) {
  StreamResult result;
  for (PayloadColumn& column : stream.payload) {
    if (column.is_bytes()) column.copy_bytes(context, stream.match.as<std::int32_t>());
    result.columns.push_back(column.finish());
  }
  if (stream.age) result.age = stream.age->finish();
  if (stream.request->want_matched) {
    result.matched.length = rows;
    result.matched.values = std::move(stream.matched);
    result.matched.values.shrink(static_cast<std::size_t>((rows + 7) / 8));
  }
  if (stream.request->want_indices) result.indices = std::move(stream.match);
  result.stats = {left_rows, stream.tally.matched, left_rows - stream.tally.matched - stream.tally.too_far,
                  stream.tally.too_far, stream.right_rows};
  return result;
}

// Everything from checks to result. A trusting run that met a row it did not expect ends in Doubt or an Error.
JoinResult run_once(const JoinRequest& request, const Context& context) {
  JoinResult result;
  PhaseClock clock;
  LeftSides sides;
  Streams streams;
  prepare(context, request, sides, streams, clock);
  bool inner = false;
  for (const StreamRequest& stream : request.streams) inner |= stream.inner;
  const std::int64_t n = request.left_rows;
  result.has_selection = inner;
  result.rows = n;
  std::int64_t row_bytes = 0;
  for (const auto& stream : streams) {
    if (stream->streamed && keeps_match(*stream, inner)) {
      stream->match = Buffer(static_cast<std::size_t>(n) * 4);
    }
    if (!inner) make_outputs(*stream, n);
    for (const Column& column : stream->request->payload) row_bytes += 2 * byte_width(column.type);
    row_bytes += 12;
  }
  pass(context, streams, n, !inner);
  if (inner) {
    clock.end("match", 12 * n * static_cast<std::int64_t>(streams.size()));
    result.selection = select_rows(context, streams, n);
    result.rows = static_cast<std::int64_t>(result.selection.size() / 4);
    gather_selected(context, request, streams, result, result.rows);
    clock.end("gather", row_bytes * result.rows);
  } else {
    clock.end("match and gather", row_bytes * n);
  }
  for (const auto& stream : streams)
    result.streams.push_back(finish_stream(context, *stream, n, result.rows));
  clock.end("finish", 0);
  if (request.explain) {
    for (std::size_t s = 0; s < streams.size(); ++s) {
      result.streams[s].explain = std::move(streams[s]->explain);
      auto& phases = result.streams[s].explain.phases;  // a matcher's own, so far
      phases.insert(phases.begin(), clock.phases.begin(), clock.phases.end());
    }
  }
  return result;
}

// Trusting first: inputs are nearly always in order and sound, and checks cost least where rows are read anyway.
// Where they are not, the answer, or the error and the row it names, is that of the run that checks beforehand.
JoinResult run(const JoinRequest& request, const Context& context) {
  if (request.trusting) {
    try {
      Context trusting = context;
      trusting.trusting = true;
      return run_once(request, trusting);
    } catch (const Doubt&) {
    } catch (const Error& error) {
      if (error.code() == ErrorCode::ABORTED || error.code() == ErrorCode::OUT_OF_MEMORY) throw;
    }
  }
  return run_once(request, context);
}

}  // namespace

JoinResult join(const JoinRequest& request, ThreadPool& pool, const CancelToken& cancel) {
  const int threads = request.threads > 0 ? std::min(request.threads, pool.threads()) : pool.threads();
  const Context context{pool, threads, cancel, false};
  try {
    return run(request, context);
  } catch (const std::bad_alloc&) {
    throw Error(ErrorCode::OUT_OF_MEMORY, "memory for the join could not be allocated");
  } catch (const std::length_error&) {
    throw Error(ErrorCode::OUT_OF_MEMORY, "memory for the join could not be allocated");
  }
}

}  // namespace flowstate::asof
