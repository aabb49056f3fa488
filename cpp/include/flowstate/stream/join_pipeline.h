// The streaming join (streaming_join.h) on a thread of its own (pipeline.h): rows and watermarks in from one thread,
// joined rows out to another, each as soon as it is final.
//
//   JoinPipeline pipeline(JoinProcessor(config), {});
//   pipeline.push(JoinInput::rows(1, OwnedRows::copy(quotes), watermark));   // producer
//   pipeline.push(JoinInput::rows(0, OwnedRows::copy(trades), watermark));
//   pipeline.shutdown();                                                    // everything is final
//   JoinBatch batch;                                                        // consumer
//   while (pipeline.pop(batch) == PipelinePop::kBatch) use(batch.take());
//
// A full output holds the join, a full input the producer. What the engine throws (LATE_ROW under that policy,
// OVERFLOW, BACKPRESSURE at the cap of its state, a batch of the wrong shape) ends the stream: rows that were final
// before it come out, then pop() gives kError; rows that still waited for a watermark are lost.
//
// Rows, their order and their ids are those of the engine called with the same messages, emitting after each
// that is not followed (with revisions: in calls of emit_rows). Batches are cut by the coalescer alone.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "flowstate/asof/join.h"
#include "flowstate/stream/join_batch.h"
#include "flowstate/stream/pipeline.h"
#include "flowstate/stream/streaming_join.h"

namespace flowstate::stream {

// A batch of rows, and what keeps its columns' memory in place and unchanged. `keep` is let go of on the pipeline's
// thread, or on the one that destroys the pipeline.
struct OwnedRows {
  EngineBatch batch;
  std::shared_ptr<const void> keep;

  // Copies the columns, so that `batch` may be reused at once. Columns that share their memory share the copy.
  // Throws Error LENGTH, CORRUPT, OUT_OF_MEMORY. O(bytes of the rows), dictionaries whole.
  static OwnedRows copy(const EngineBatch& batch);
};

// What a producer tells the join; in one message first the rows, then the watermark, then the end.
struct JoinInput {
  int input = 0;  // 0 the left side, s + 1 the right of stream s
  std::optional<OwnedRows> batch;
  std::optional<std::int64_t> max_time;   // as StreamEngine::push
  std::optional<std::int64_t> watermark;  // engine time
  bool ends = false;                      // as StreamEngine::end: later rows are late. shutdown() implies it.
  // Another message comes at once: what this one makes final comes out with that one's. Spares a call of the engine
  // that would give a few rows, where one step is a message per input.
  bool is_followed = false;

  static JoinInput rows(int input, OwnedRows rows, std::optional<std::int64_t> watermark = std::nullopt);
  static JoinInput advance(int input, std::int64_t watermark);
  static JoinInput end();
};

// What the join has done so far: totals that any thread may read. Each is a moment's value; they need not be of the
// same moment while the pipeline runs. After pop() gave the end they are final.
class JoinCounters {
 public:
  explicit JoinCounters(std::size_t inputs);

  struct Input {
    std::int64_t rows = 0;
    std::int64_t late = 0;
    std::int64_t late_beyond_horizon = 0;
    std::int64_t too_far_ahead = 0;
    std::int64_t null_time = 0;
    std::int64_t null_key = 0;
  };
  Input input(std::size_t at) const noexcept;
  asof::StreamStats stream(std::size_t at) const noexcept;  // right_rows: rows taken
  std::int64_t revisions() const noexcept { return revisions_.load(std::memory_order_relaxed); }
  std::int64_t pending_rows() const noexcept { return pending_rows_.load(std::memory_order_relaxed); }
  std::int64_t state_bytes() const noexcept { return state_bytes_.load(std::memory_order_relaxed); }

  // The pipeline's thread alone.
  void add(std::size_t input, const PushReport& report) noexcept;
  void add(const EngineOutput& output) noexcept;
  void set_state(const StreamEngine& engine) noexcept;

 private:
  using Count = std::atomic<std::int64_t>;
  struct InputCounts {
    Count rows{0}, late{0}, late_beyond_horizon{0}, too_far_ahead{0}, null_time{0}, null_key{0};
  };
  struct StreamCounts {
    Count rows{0}, matched{0}, no_candidate{0}, tolerance_exceeded{0};
  };
  std::vector<InputCounts> inputs_;
  std::vector<StreamCounts> streams_;
  Count revisions_{0}, pending_rows_{0}, state_bytes_{0};
};

struct JoinProcessorOptions {
  // Rows per call of the engine's emit: what one view keeps alive, and how long the thread works between two looks at
  // a full output. At least 1.
  std::int64_t emit_rows = 8192;
  // Takes what the sideOutput policy puts aside of an input, on the pipeline's thread; may throw, which ends the
  // stream. Must be there where some input has that policy.
  std::function<void(int input, LateOutput&& late)> on_late;
};

// The engine as a pipeline's processor.
class JoinProcessor {
 public:
  // Throws Error ARG_RANGE, SCHEMA.
  explicit JoinProcessor(EngineConfig config, JoinProcessorOptions options = {});
  // Goes on with an engine's state, a restored snapshot for instance.
  explicit JoinProcessor(StreamEngine engine, JoinProcessorOptions options = {});

  template <typename Sink>
  void process(JoinInput&& message, Sink& sink) {
    if (take(std::move(message))) emit_final(sink);
  }
  template <typename Sink>
  void finish(Sink& sink) {
    engine_.end();
    emit_final(sink);
  }

  // Outlives the processor.
  std::shared_ptr<const JoinCounters> counters() const noexcept { return counters_; }

 private:
  // Whether rows are to be emitted.
  bool take(JoinInput&& message);
  void note(const EngineOutput& output) noexcept;

  template <typename Sink>
  void emit_final(Sink& sink) {
    for (bool again = true; again;) {
      EngineOutput output = engine_.emit(options_.emit_rows);
      note(output);
      // `more` does not speak of revisions that did not fit.
      again = output.more || output.revisions > 0;
      if (output.rows > 0) sink(JoinBatch(shape_, std::move(output)));
    }
  }

  StreamEngine engine_;
  JoinProcessorOptions options_;
  std::shared_ptr<const JoinShape> shape_;
  std::shared_ptr<JoinCounters> counters_;
  bool owes_ = false;  // something may have become final since the last emit
};

using JoinPipeline = Pipeline<JoinInput, JoinBatch, JoinProcessor>;

}  // namespace flowstate::stream
