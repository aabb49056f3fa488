// The join on its own thread gives the engine's rows and the batch join's, in whatever pieces; its errors, ends and
// limits. FS_TEST_CASES and FS_TEST_SEED as in test_join_property.cc.
#include <time.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "flowstate/error.h"
#include "flowstate/stream/join_pipeline.h"
#include "support/stream_case.h"

namespace flowstate::test {
namespace {

using namespace std::chrono_literals;
using stream::JoinBatch;
using stream::JoinInput;
using stream::JoinPipeline;
using stream::JoinProcessor;
using stream::LatePolicy;
using stream::OwnedRows;
using stream::PipelinePop;

std::uint64_t setting(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

std::vector<std::int64_t> all_rows(const StreamInput& input) {
  std::vector<std::int64_t> rows(static_cast<std::size_t>(input.rows()));
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

stream::PipelineOptions options(std::size_t input, std::size_t output, std::size_t rows) {
  stream::PipelineOptions result;
  result.input_capacity = input;
  result.output_capacity = output;
  result.coalescer.target_rows = rows;
  return result;
}

// A random arrival of a case as messages; watermarks keep their promises unless `late`. Borrows from `arena`.
std::vector<JoinInput> script_of(Choices& pick, const StreamCase& random, Arena& arena, bool late) {
  std::vector<JoinInput> script;
  std::vector<std::vector<std::int64_t>> waiting;
  for (const StreamInput& input : random.inputs) {
    std::vector<std::int64_t> rows = all_rows(input);
    if (pick.one_in(2)) rows = input.ordered(rows);
    waiting.push_back(std::move(rows));
  }
  const std::size_t streams = random.config.streams.size();
  for (std::size_t left = 1; left > 0;) {
    const std::size_t input = pick.below(static_cast<std::uint32_t>(streams) + 1);
    std::vector<std::int64_t>& rows = waiting[input];
    const StreamInput& side = random.inputs[input];
    JoinInput message;
    message.input = static_cast<int>(input);
    if (!pick.one_in(3)) {
      std::vector<std::int64_t> batch;
      const std::size_t most = 1 + pick.below(9);
      while (batch.size() < most && !rows.empty() &&
             (batch.empty() || side.source[static_cast<std::size_t>(rows[0])] ==
                                   side.source[static_cast<std::size_t>(batch[0])])) {
        batch.push_back(rows[0]);
        rows.erase(rows.begin());
      }
      Layout layout;
      layout.bit_offset = pick.one_in(2) ? 0 : pick.below(13);
      layout.always_validity = pick.one_in(4);
      message.batch.emplace();
      message.batch->batch = side.batch(arena, batch, layout, input == 0, streams, true);
    }
    if (pick.one_in(2)) {
      std::int64_t low = INT64_MAX;
      for (const std::int64_t row : rows) {
        const auto& time = side.engine_time[static_cast<std::size_t>(row)];
        if (time) low = std::min(low, *time);
      }
      if (late && low < INT64_MAX - 3) low += pick.below(3);
      message.watermark = low;
    }
    message.is_followed = pick.one_in(3);
    script.push_back(std::move(message));
    left = 0;
    for (const auto& still : waiting) left += still.size();
  }
  return script;
}

// The engine called directly with the same messages.
std::string direct(const StreamCase& random, const std::vector<JoinInput>& script, std::int64_t emit_rows,
                   std::vector<Emitted>& out) {
  stream::StreamEngine engine(random.config);
  const auto emit = [&]() -> std::string {
    for (bool again = true; again;) {
      const stream::EngineOutput output = engine.emit(emit_rows);
      again = output.more || output.rows > 0;
      std::string found = read_output(random, output, out);
      if (!found.empty()) return found;
    }
    return "";
  };
  for (const JoinInput& message : script) {
    if (message.batch) engine.push(message.input, message.batch->batch, message.max_time);
    if (message.watermark) engine.advance(message.input, *message.watermark);
    if (message.is_followed) continue;
    if (std::string found = emit(); !found.empty()) return found;
  }
  engine.end();
  return emit();
}

// What a pipeline gives for the script, pushed by one thread and read by this one.
std::string through(Choices& pick, const StreamCase& random, const std::vector<JoinInput>& script,
                    std::int64_t emit_rows, std::vector<Emitted>& out) {
  stream::JoinProcessorOptions limits;
  limits.emit_rows = emit_rows;
  stream::PipelineOptions settings = options(1u << pick.below(4), 1u << pick.below(4), 1 + pick.below(40));
  if (pick.one_in(3)) settings.coalescer.target_bytes = 1 + pick.below(2000);
  JoinPipeline pipeline(JoinProcessor(random.config, limits), settings);
  std::thread producer([&] {
    for (const JoinInput& message : script) {
      JoinInput own;
      own.input = message.input;
      own.watermark = message.watermark;
      own.is_followed = message.is_followed;
      if (message.batch) own.batch = OwnedRows::copy(message.batch->batch);
      if (!pipeline.push(std::move(own))) break;
    }
    pipeline.shutdown();
  });
  std::string found;
  JoinBatch batch;
  PipelinePop status;
  while ((status = pipeline.pop(batch)) == PipelinePop::kBatch && found.empty()) {
    const std::size_t rows = batch.rows();
    const std::size_t bytes = batch.bytes();
    if (rows == 0 || rows > settings.coalescer.target_rows) found = "a batch of the wrong size";
    if (rows > 1 && bytes > settings.coalescer.target_bytes) found = "a batch of too many bytes";
    // Slices are the rows, and their bytes add up.
    const std::size_t cut = pick.below(static_cast<std::uint32_t>(rows + 1));
    JoinBatch head = batch.slice(0, cut);
    JoinBatch tail = batch.slice(cut, rows - cut);
    if (head.rows() + tail.rows() != rows || head.bytes() + tail.bytes() != bytes) found = "a slice's size";
    if (pick.one_in(2)) {
      head.append(std::move(tail));
      batch = std::move(head);
    }
    const stream::EngineOutput output = batch.take();
    if (found.empty()) found = read_output(random, output, out);
    if (batch.rows() != 0) found = "a taken batch has rows";
  }
  if (status == PipelinePop::kError) found = "threw";
  pipeline.cancel();
  producer.join();
  return found;
}

double process_cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// int64 times, one key, one payload column that is the time; a text column behind it on the left.
stream::EngineConfig plain_config() {
  stream::EngineConfig config;
  config.left_columns = {{ColumnType::kInt64, 8, "left.v"}, {ColumnType::kBytes32, 0, "left.text"}};
  stream::StreamShape shape;
  shape.keys.emplace_back();
  shape.payload.push_back({ColumnType::kInt64, 8, "right.v"});
  config.streams.push_back(shape);
  return config;
}

OwnedRows rows_at(int input, std::int64_t from, std::int64_t count) {
  Arena arena;
  Cells times;
  Cells texts;
  for (std::int64_t i = from; i < from + count; ++i) {
    times.push_back(cell(i));
    texts.push_back(cell_s(std::to_string(i)));
  }
  stream::EngineBatch batch;
  batch.rows = count;
  batch.time = make_column(arena, ColumnType::kInt64, times, "time");
  batch.keys = {{make_column(arena, ColumnType::kInt64, Cells(times.size(), cell(1)), "key")}};
  batch.columns = {batch.time};
  if (input == 0) batch.columns.push_back(make_column(arena, ColumnType::kBytes32, texts, "text"));
  return OwnedRows::copy(batch);
}

// Every row must be the next number and match itself.
std::int64_t drain(JoinPipeline& pipeline, PipelinePop expected) {
  std::int64_t next = 0;
  std::int64_t wrong = 0;
  JoinBatch batch;
  PipelinePop status;
  while ((status = pipeline.pop(batch)) == PipelinePop::kBatch) {
    const stream::EngineOutput out = batch.take();
    const auto* offsets = out.left[1].offsets.as<std::int32_t>();
    for (std::int64_t i = 0; i < out.rows; ++i, ++next) {
      const std::string text(reinterpret_cast<const char*>(out.left[1].values.data()) + offsets[i],
                             static_cast<std::size_t>(offsets[i + 1] - offsets[i]));
      wrong += out.left[0].values.as<std::int64_t>()[i] != next || text != std::to_string(next) ||
               out.streams[0].columns[0].values.as<std::int64_t>()[i] != next ||
               out.row_ids.as<std::int64_t>()[i] != next;
    }
  }
  CHECK(wrong == 0);
  CHECK(status == expected);
  return next;
}

ErrorCode code_of(const JoinPipeline& pipeline) {
  try {
    std::rethrow_exception(pipeline.error());
  } catch (const Error& error) {
    return error.code();
  }
}

}  // namespace

TEST_CASE("rows through the pipeline are the engine's and the batch join's, in any pieces") {
  const std::uint64_t cases = setting("FS_TEST_CASES", 150);
  const std::uint64_t first = setting("FS_TEST_SEED", 1);
  std::uint64_t rows = 0;
  for (std::uint64_t seed = first; seed < first + cases; ++seed) {
    SeededChoices pick(seed);
    const StreamCase random = make_stream_case(pick, {seed % 7 == 0 ? 400 : 30, 3});
    Arena arena;
    const std::vector<JoinInput> script = script_of(pick, random, arena, false);
    std::vector<Emitted> expected;
    std::vector<Emitted> got;
    std::string found = direct(random, script, 1'000'000, expected);
    if (found.empty()) found = through(pick, random, script, pick.one_in(2) ? 8192 : 1 + pick.below(20), got);
    if (found.empty() && got != expected) found = "rows differ from the engine's";
    std::vector<std::vector<std::int64_t>> rights;
    for (std::size_t s = 1; s < random.inputs.size(); ++s) rights.push_back(all_rows(random.inputs[s]));
    const Expected batch = batch_answer(random, all_rows(random.inputs[0]), rights);
    std::vector<std::vector<std::int64_t>> wanted;
    for (std::size_t i = 0; i < batch.order.size(); ++i) {
      std::vector<std::int64_t> row{batch.order[i]};
      bool keep = true;
      for (std::size_t s = 0; s < batch.matches.size(); ++s) {
        row.push_back(batch.matches[s][i]);
        keep &= !random.config.streams[s].inner || row.back() >= 0;
      }
      if (keep) wanted.push_back(std::move(row));
    }
    std::vector<std::vector<std::int64_t>> came;
    for (const Emitted& row : got) {
      came.push_back({row.left});
      came.back().insert(came.back().end(), row.matches.begin(), row.matches.end());
    }
    std::sort(wanted.begin(), wanted.end());
    std::sort(came.begin(), came.end());
    if (found.empty() && came != wanted) found = "rows differ from the batch join's";
    if (!found.empty()) FAIL("seed " << seed << ": " << found);
    rows += got.size();
  }
  CHECK(rows > cases * 5);
}

TEST_CASE("revisions come through in the engine's order") {
  const std::uint64_t cases = setting("FS_TEST_CASES", 150) / 2;
  const std::uint64_t first = setting("FS_TEST_SEED", 1);
  std::uint64_t retractions = 0;
  for (std::uint64_t seed = first; seed < first + cases; ++seed) {
    SeededChoices pick(seed);
    StreamCase random = make_stream_case(pick, {30, 2});
    random.config.horizon = INT64_MAX;
    random.config.horizon_float = 1e300;
    random.config.left_late = LatePolicy::kRevise;
    for (stream::StreamShape& shape : random.config.streams) shape.late = LatePolicy::kRevise;
    Arena arena;
    const std::vector<JoinInput> script = script_of(pick, random, arena, true);
    std::vector<Emitted> expected;
    std::vector<Emitted> got;
    // Where revisions and first insertions meet in one call is the call's limit.
    const std::int64_t emit_rows = pick.one_in(2) ? 8192 : 1 + pick.below(20);
    std::string found = direct(random, script, emit_rows, expected);
    if (found.empty()) found = through(pick, random, script, emit_rows, got);
    if (found.empty() && got != expected) found = "rows differ from the engine's";
    if (!found.empty()) FAIL("seed " << seed << ": " << found);
    for (const Emitted& row : got) retractions += row.op < 0;
  }
  CHECK(retractions > 0);
}

TEST_CASE("short outputs are joined into one batch without loss") {
  // One row an output, hundreds of them: the copying together, all the way.
  constexpr std::int64_t kRows = 300;
  for (const std::size_t target : {1, 31, 63, 64, 65, 1000, 100'000}) {
    JoinPipeline pipeline(JoinProcessor(plain_config()), options(4, 4, target));
    std::thread producer([&] {
      for (std::int64_t i = 0; i < kRows; ++i) {
        pipeline.push(JoinInput::rows(1, rows_at(1, i, 1), i + 1));
        pipeline.push(JoinInput::rows(0, rows_at(0, i, 1), i + 1));
      }
      pipeline.shutdown();
    });
    CHECK(drain(pipeline, PipelinePop::kEnd) == kRows);
    producer.join();
    CHECK(pipeline.stats().batches_out == (std::size_t{kRows} + target - 1) / target);
  }
}

TEST_CASE("a batch is cut at any row, its copies stay as they are") {
  stream::StreamEngine engine(plain_config());
  const auto shape = std::make_shared<const stream::JoinShape>(engine.config());
  JoinBatch all;
  for (std::int64_t from = 0; from < 500; from += 50) {
    engine.push(1, rows_at(1, from, 50).batch);
    engine.push(0, rows_at(0, from, 50).batch);
    engine.advance(0, from + 50);
    engine.advance(1, from + 50);
    all.append(JoinBatch(shape, engine.emit(1000)));
  }
  CHECK(all.rows() == 500);
  for (std::size_t from = 0; from <= 500; from += 37) {
    for (const std::size_t count : {0, 1, 49, 50, 51, 200}) {
      if (from + count > 500) continue;
      const JoinBatch copy = all;
      JoinBatch part = copy.slice(from, count);
      const stream::EngineOutput out = part.take();
      REQUIRE(out.rows == static_cast<std::int64_t>(count));
      for (std::size_t i = 0; i < count; ++i) {
        REQUIRE(out.left[0].values.as<std::int64_t>()[i] == static_cast<std::int64_t>(from + i));
      }
    }
  }
  CHECK_THROWS_AS(all.slice(499, 2), Error);
  CHECK_THROWS_AS(all.slice(501, 0), Error);
  CHECK(all.take().rows == 500);
  CHECK(all.rows() == 0);
  CHECK(all.take().rows == 0);
}

TEST_CASE("the last row comes out at shutdown, without a watermark ever") {
  JoinPipeline pipeline(JoinProcessor(plain_config()), options(8, 8, 7));
  REQUIRE(pipeline.push(JoinInput::rows(0, rows_at(0, 0, 100))));
  REQUIRE(pipeline.push(JoinInput::rows(1, rows_at(1, 0, 100))));
  pipeline.shutdown();
  CHECK(drain(pipeline, PipelinePop::kEnd) == 100);
}

TEST_CASE("an end makes all final before the shutdown, and later rows are late") {
  JoinProcessor processor(plain_config());
  const auto counters = processor.counters();
  stream::PipelineOptions settings = options(8, 8, 100);
  JoinPipeline pipeline(std::move(processor), settings);
  REQUIRE(pipeline.push(JoinInput::rows(1, rows_at(1, 0, 100))));
  REQUIRE(pipeline.push(JoinInput::rows(0, rows_at(0, 0, 100))));
  REQUIRE(pipeline.push(JoinInput::end()));
  JoinBatch batch;
  REQUIRE(pipeline.pop(batch) == PipelinePop::kBatch);
  CHECK(batch.rows() == 100);
  REQUIRE(pipeline.push(JoinInput::rows(0, rows_at(0, 200, 3))));
  pipeline.shutdown();
  CHECK(pipeline.pop(batch) == PipelinePop::kEnd);
  CHECK(counters->input(0).rows == 100);
  CHECK(counters->input(0).late == 3);
  CHECK(counters->stream(0).rows == 100);
  CHECK(counters->stream(0).matched == 100);
  CHECK(counters->stream(0).right_rows == 100);
  CHECK(counters->pending_rows() == 0);
}

TEST_CASE("a late row under the error policy reaches the consumer after what was final, and the producer") {
  stream::EngineConfig config = plain_config();
  config.left_late = LatePolicy::kError;
  JoinPipeline pipeline(JoinProcessor(config), options(2, 8, 3));
  REQUIRE(pipeline.push(JoinInput::rows(1, rows_at(1, 0, 20), 20)));
  REQUIRE(pipeline.push(JoinInput::rows(0, rows_at(0, 0, 20), 10)));
  std::int64_t pushes = 0;
  while (pipeline.push(JoinInput::rows(0, rows_at(0, 9, 1))) && pushes < 1000) ++pushes;
  CHECK(pushes < 1000);
  CHECK(pipeline.is_refusing());
  CHECK(drain(pipeline, PipelinePop::kError) == 10);
  CHECK(code_of(pipeline) == ErrorCode::LATE_ROW);
  JoinBatch batch;
  CHECK(pipeline.pop(batch) == PipelinePop::kEnd);
}

TEST_CASE("the engine's other refusals reach the consumer as they are") {
  SECTION("state above its cap") {
    stream::EngineConfig config = plain_config();
    config.max_state_bytes = 200'000;
    JoinPipeline pipeline(JoinProcessor(config), options(4, 8, 10));
    for (std::int64_t from = 0; pipeline.push(JoinInput::rows(0, rows_at(0, from, 100))); from += 100)
      ;
    CHECK(drain(pipeline, PipelinePop::kError) == 0);
    CHECK(code_of(pipeline) == ErrorCode::BACKPRESSURE);
  }
  SECTION("a time that does not fit") {
    stream::EngineConfig config = plain_config();
    config.streams[0].right_scale = 1000;
    JoinPipeline pipeline(JoinProcessor(config), options(4, 8, 10));
    REQUIRE(pipeline.push(JoinInput::rows(1, rows_at(1, INT64_MAX / 2, 1))));
    CHECK(drain(pipeline, PipelinePop::kError) == 0);
    CHECK(code_of(pipeline) == ErrorCode::OVERFLOW);
  }
  SECTION("a batch of the wrong shape") {
    JoinPipeline pipeline(JoinProcessor(plain_config()), options(4, 8, 10));
    REQUIRE(pipeline.push(JoinInput::rows(0, rows_at(1, 0, 1))));
    CHECK(drain(pipeline, PipelinePop::kError) == 0);
    CHECK(code_of(pipeline) == ErrorCode::SCHEMA);
  }
  SECTION("an input that is not there") {
    JoinPipeline pipeline(JoinProcessor(plain_config()), options(4, 8, 10));
    REQUIRE(pipeline.push(JoinInput::advance(2, 1)));
    CHECK(drain(pipeline, PipelinePop::kError) == 0);
    CHECK(code_of(pipeline) == ErrorCode::ARG_RANGE);
  }
}

TEST_CASE("late rows put aside go to who takes them, and must be taken") {
  stream::EngineConfig config = plain_config();
  config.left_late = LatePolicy::kSideOutput;
  CHECK_THROWS_AS(JoinProcessor(config), Error);
  std::vector<std::int64_t> late;
  stream::JoinProcessorOptions limits;
  limits.on_late = [&](int input, stream::LateOutput&& rows) {
    for (std::int64_t i = 0; i < rows.rows; ++i)
      late.push_back(rows.time.as<std::int64_t>()[i] + 1000 * input);
  };
  JoinPipeline pipeline(JoinProcessor(config, limits), options(4, 8, 10));
  REQUIRE(pipeline.push(JoinInput::rows(1, rows_at(1, 0, 20), 20)));
  REQUIRE(pipeline.push(JoinInput::rows(0, rows_at(0, 0, 20), 20)));
  REQUIRE(pipeline.push(JoinInput::rows(0, rows_at(0, 18, 4))));
  pipeline.shutdown();
  JoinBatch batch;
  std::size_t rows = 0;
  while (pipeline.pop(batch) == PipelinePop::kBatch) rows += batch.rows();
  CHECK(rows == 22);
  CHECK(late == std::vector<std::int64_t>{18, 19});
}

TEST_CASE("a full output holds the join and then the producer; a consumer that leaves frees both") {
  stream::JoinProcessorOptions limits;
  limits.emit_rows = 5;
  JoinProcessor processor(plain_config(), limits);
  const auto counters = processor.counters();
  JoinPipeline pipeline(std::move(processor), options(2, 1, 5));
  REQUIRE(pipeline.push(JoinInput::rows(1, rows_at(1, 0, 1000), 1000)));
  // Fills the rings: the join stands at the second batch of the first message.
  std::int64_t pushed = 0;
  for (int quiet = 0; quiet < 20 && pushed < 500;) {
    if (pipeline.try_push(JoinInput::rows(0, rows_at(0, pushed, 50), pushed + 50))) {
      pushed += 50;
      quiet = 0;
    } else {
      std::this_thread::sleep_for(5ms);
      ++quiet;
    }
  }
  CHECK(pushed <= 150);  // one inside, two in the ring
  CHECK(counters->stream(0).rows <= 10);
  JoinBatch batch;
  REQUIRE(pipeline.pop(batch) == PipelinePop::kBatch);
  CHECK(batch.rows() == 5);
  std::thread producer([&] {
    while (pipeline.push(JoinInput::rows(0, rows_at(0, pushed, 50), pushed + 50))) pushed += 50;
  });
  pipeline.cancel();
  producer.join();
  CHECK(pipeline.is_refusing());
  CHECK(pipeline.pop(batch) == PipelinePop::kEnd);
}

TEST_CASE("what keeps an input's memory is let go of once its rows are in") {
  auto memory = std::make_shared<int>(0);
  const std::weak_ptr<int> watched = memory;
  OwnedRows copied = rows_at(0, 0, 10);
  struct Both {
    std::shared_ptr<const void> columns;
    std::shared_ptr<int> memory;
  };
  copied.keep = std::make_shared<Both>(Both{copied.keep, std::move(memory)});
  JoinPipeline pipeline(JoinProcessor(plain_config()), options(4, 4, 10));
  REQUIRE(pipeline.push(JoinInput::rows(0, std::move(copied))));
  for (int i = 0; i < 2000 && !watched.expired(); ++i) std::this_thread::sleep_for(5ms);
  CHECK(watched.expired());
  pipeline.shutdown();
}

TEST_CASE("an idle join takes no processor time") {
  JoinPipeline waits(JoinProcessor(plain_config()), options(4, 4, 100));
  REQUIRE(waits.push(JoinInput::rows(0, rows_at(0, 0, 50), 50)));  // for the right's watermark
  stream::JoinProcessorOptions limits;
  limits.emit_rows = 1;
  JoinPipeline full(JoinProcessor(plain_config(), limits), options(4, 1, 1));  // for room in its output
  REQUIRE(full.push(JoinInput::rows(0, rows_at(0, 0, 50), 50)));
  REQUIRE(full.push(JoinInput::advance(1, 50)));
  std::this_thread::sleep_for(100ms);
  const double before = process_cpu_seconds();
  std::this_thread::sleep_for(300ms);
  CHECK(process_cpu_seconds() - before < 0.05);
}

}  // namespace flowstate::test
