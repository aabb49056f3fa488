// The last row, errors as values, ends that leave, and rest without work.
#include <time.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "flowstate/stream/pipeline.h"
#include "parts/rows.h"

namespace flowstate::stream {

namespace {

using namespace std::chrono_literals;

// Holds the last row back until the next comes, as a join holds rows for its watermark; fails at a chosen value.
class HoldBack {
 public:
  explicit HoldBack(std::uint64_t fails_at = ~std::uint64_t{0}) : fails_at_(fails_at) {}

  template <typename Sink>
  void process(Rows&& rows, Sink& sink) {
    Rows ready;
    ready.values.swap(held_);
    for (const std::uint64_t value : rows.values) {
      if (value == fails_at_) throw std::runtime_error("value " + std::to_string(value));
      ready.values.push_back(value);
    }
    if (!ready.values.empty()) {
      held_.push_back(ready.values.back());
      ready.values.pop_back();
    }
    sink(std::move(ready));
  }
  template <typename Sink>
  void finish(Sink& sink) {
    sink(Rows(std::move(held_)));
  }

 private:
  std::uint64_t fails_at_;
  std::vector<std::uint64_t> held_;
};

struct Failing {
  void process(Rows&& rows, auto& sink) { sink(std::move(rows)); }
  void finish(auto&) { throw std::runtime_error("finish"); }
};

using TestPipeline = Pipeline<Rows, Rows, HoldBack>;

PipelineOptions options(std::size_t input, std::size_t output, std::size_t rows) {
  PipelineOptions result;
  result.input_capacity = input;
  result.output_capacity = output;
  result.coalescer.target_rows = rows;
  return result;
}

// Everything up to the end; the values must be 0, 1, 2, …
std::uint64_t drain(TestPipeline& pipeline, PipelinePop expected_end = PipelinePop::kEnd) {
  std::uint64_t next = 0;
  std::uint64_t wrong = 0;
  Rows rows;
  PipelinePop status;
  while ((status = pipeline.pop(rows)) == PipelinePop::kBatch) {
    for (const std::uint64_t value : rows.values) wrong += value != next++;
  }
  CHECK(wrong == 0);
  CHECK(status == expected_end);
  return next;
}

double process_cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

}  // namespace

TEST_CASE("every row comes out in order, the last one too") {
  for (const std::size_t capacity : {1, 2, 16}) {
    TestPipeline pipeline(HoldBack(), options(capacity, capacity, 7));
    std::uint64_t pushed = 0;
    std::thread producer([&] {
      std::uint64_t next = 0;
      for (std::size_t i = 0; i < 3000; ++i) {
        const std::size_t count = i % 13;
        if (!pipeline.push(Rows::sequence(next, count))) return;
        next += count;
      }
      pushed = next;
      pipeline.shutdown();
    });
    const std::uint64_t rows = drain(pipeline);
    producer.join();
    CHECK(pushed > 17000);
    CHECK(rows == pushed);
    CHECK(pipeline.stats().batches_in == 3000);
    CHECK(pipeline.stats().rows_out == rows);
  }
}

TEST_CASE("one thread may push, shut down and then drain") {
  TestPipeline pipeline(HoldBack(), options(8, 8, 1000));
  for (std::uint64_t i = 0; i < 5; ++i) REQUIRE(pipeline.push(Rows::sequence(i, 1)));
  pipeline.shutdown();
  pipeline.shutdown();
  CHECK_FALSE(pipeline.push(Rows::sequence(5, 1)));
  CHECK(drain(pipeline) == 5);
  Rows rows;
  CHECK(pipeline.pop(rows) == PipelinePop::kEnd);
}

TEST_CASE("a processor's error reaches the consumer after what was finished, and the producer learns of it") {
  TestPipeline pipeline(HoldBack(7), options(4, 4, 3));
  std::uint64_t next = 0;
  while (pipeline.push(Rows::sequence(next, 2))) next += 2;
  CHECK(pipeline.is_refusing());
  CHECK(pipeline.error() == nullptr);
  // 0 to 5 were processed and 5 was held back: 0 to 4 are finished.
  CHECK(drain(pipeline, PipelinePop::kError) == 5);
  std::string what;
  try {
    std::rethrow_exception(pipeline.error());
  } catch (const std::runtime_error& error) {
    what = error.what();
  }
  CHECK(what == "value 7");
  Rows rows;
  CHECK(pipeline.pop(rows) == PipelinePop::kEnd);
}

TEST_CASE("an error while finishing reaches the consumer too") {
  Pipeline<Rows, Rows, Failing> pipeline({}, options(4, 4, 100));
  REQUIRE(pipeline.push(Rows::sequence(0, 1)));
  pipeline.shutdown();
  Rows rows;
  CHECK(pipeline.pop(rows) == PipelinePop::kBatch);
  CHECK(rows.values == std::vector<std::uint64_t>{0});
  CHECK(pipeline.pop(rows) == PipelinePop::kError);
}

TEST_CASE("a producer that waits is told when the consumer leaves") {
  TestPipeline pipeline(HoldBack(), options(1, 1, 1));
  std::thread producer([&] {
    std::uint64_t next = 0;
    while (pipeline.push(Rows::sequence(next, 4))) next += 4;
  });
  Rows rows;
  CHECK(pipeline.pop(rows) == PipelinePop::kBatch);
  pipeline.cancel();
  producer.join();
  CHECK(pipeline.is_refusing());
  CHECK(pipeline.pop(rows) == PipelinePop::kEnd);
}

TEST_CASE("a full output nobody reads does not keep a pipeline from ending") {
  for (int round = 0; round < 50; ++round) {
    TestPipeline pipeline(HoldBack(), options(2, 1, 1));
    for (std::uint64_t i = 0; pipeline.try_push(Rows::sequence(i, 8)) && i < 10; i += 8) {
    }
    if (round % 3 == 0) std::this_thread::sleep_for(1ms);
    if (round % 2 == 0) pipeline.shutdown();
  }
  SUCCEED();
}

TEST_CASE("a slow stream's rows come out by time, without a further push") {
  PipelineOptions slow = options(4, 4, 1000);
  slow.coalescer.longest_wait = 1ms;
  TestPipeline pipeline(HoldBack(), slow);
  REQUIRE(pipeline.push(Rows::sequence(0, 3)));
  Rows rows;
  CHECK(pipeline.pop(rows) == PipelinePop::kBatch);
  CHECK(rows.values == std::vector<std::uint64_t>{0, 1});
  CHECK(pipeline.pop(rows, TestPipeline::Clock::now() + 2ms) == PipelinePop::kTimeout);
  pipeline.shutdown();
  CHECK(pipeline.pop(rows) == PipelinePop::kBatch);
  CHECK(rows.values == std::vector<std::uint64_t>{2});
}

TEST_CASE("an idle pipeline takes no processor time") {
  TestPipeline pipeline(HoldBack(), options(4, 1, 1));
  REQUIRE(pipeline.push(Rows::sequence(0, 9)));  // and one whose output is full
  TestPipeline idle(HoldBack(), options(4, 4, 1));
  std::this_thread::sleep_for(50ms);
  const double before = process_cpu_seconds();
  std::this_thread::sleep_for(300ms);
  CHECK(process_cpu_seconds() - before < 0.05);
}

}  // namespace flowstate::stream
