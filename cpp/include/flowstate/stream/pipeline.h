// Input ring → processor → coalescer → output ring, on a thread of its own.
//
// One producer pushes, one consumer pops; they may be the same thread as long as it does not wait for itself.
//  - shutdown(): the input ends; everything pushed before comes out, then what the processor held back, then the end.
//    It does not wait, so a thread may shut down first and drain afterwards.
//  - A processor's exception ends the stream: what was finished before it comes out, then pop() gives kError once and
//    the exception in error(); the producer's next push fails.
//  - cancel(), and the destructor: nobody wants the rest. The producer is told, the thread ends at once even where it
//    waits for room in a full output.
// Waiting costs no processor time (spsc_ring.h). Rows leave in the order in which the processor gives them.
#pragma once

#include <atomic>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <thread>
#include <utility>

#include "flowstate/stream/coalescer.h"
#include "flowstate/stream/spsc_ring.h"

namespace flowstate::stream {

namespace detail {
template <typename Out>
struct AnySink {
  void operator()(Out&&) const {}
};
}  // namespace detail

// process() takes one input and gives the sink any number of outputs; finish() gives what was held back. Both run on
// the pipeline's thread only, and may throw.
template <typename P, typename In, typename Out>
concept StreamProcessor = requires(P& processor, In input, detail::AnySink<Out>& sink) {
                            processor.process(std::move(input), sink);
                            processor.finish(sink);
                          };

struct PipelineOptions {
  std::size_t input_capacity = 64;   // in batches
  std::size_t output_capacity = 64;  // in batches
  CoalescerOptions coalescer;
};

struct PipelineStats {
  std::uint64_t batches_in = 0;
  std::uint64_t batches_out = 0;
  std::uint64_t rows_out = 0;
};

enum class PipelinePop : std::uint8_t { kBatch, kTimeout, kError, kEnd };

template <std::movable In, CoalescableBatch Out, typename Processor>
  requires StreamProcessor<Processor, In, Out> && std::default_initializable<In>
class Pipeline {
 public:
  using Clock = std::chrono::steady_clock;

  // Throws Error ARG_RANGE, OUT_OF_MEMORY, std::system_error when no thread can be had.
  Pipeline(Processor processor, const PipelineOptions& options)
      : processor_(std::move(processor)),
        coalescer_(options.coalescer),
        input_(options.input_capacity),
        output_(options.output_capacity),
        thread_([this] { run(); }) {}

  ~Pipeline() {
    cancel();
    if (thread_.joinable()) thread_.join();
  }

  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  // --- producer's end ---

  // Waits while the input is full. False, with `batch` untouched: shut down, cancelled, or ended by an error.
  bool push(In&& batch) { return input_.push(std::move(batch)); }
  bool try_push(In&& batch) { return input_.try_push(std::move(batch)); }
  // True: pushes can only fail from now on.
  bool is_refusing() const noexcept { return input_.is_closed() || input_.is_cancelled(); }
  // No more input will come. Idempotent, does not wait.
  void shutdown() noexcept { input_.close(); }

  // --- consumer's end ---

  // Waits for the next batch, until `deadline` at most. After kError comes kEnd.
  PipelinePop pop(Out& batch, const std::optional<Clock::time_point>& deadline = std::nullopt) {
    switch (output_.pop_until(batch, deadline)) {
      case PopStatus::kItem:
        return PipelinePop::kBatch;
      case PopStatus::kTimeout:
        return PipelinePop::kTimeout;
      case PopStatus::kEnd:
        break;
    }
    // The thread stored the error before it closed the output.
    if (output_.is_closed() && error_ && !error_given_) {
      error_given_ = true;
      return PipelinePop::kError;
    }
    return PipelinePop::kEnd;
  }
  bool try_pop(Out& batch) { return output_.try_pop(batch); }
  // What ended the stream; null unless pop() has given kError.
  std::exception_ptr error() const noexcept { return error_given_ ? error_ : nullptr; }

  // Any thread. What is inside is thrown away; the producer's pushes fail, the consumer gets kEnd.
  void cancel() noexcept {
    output_.cancel();
    input_.cancel();
  }

  PipelineStats stats() const noexcept {
    return {batches_in_.load(std::memory_order_relaxed), batches_out_.load(std::memory_order_relaxed),
            rows_out_.load(std::memory_order_relaxed)};
  }

 private:
  // The consumer has gone: unwinds through the processor, which need not know.
  struct ConsumerGone {};

  // To the consumer, whole batches.
  struct Deliver {
    Pipeline& pipeline;
    void operator()(Out&& batch) const {
      const auto rows = static_cast<std::uint64_t>(batch.rows());
      if (!pipeline.output_.push(std::move(batch))) throw ConsumerGone{};
      pipeline.batches_out_.fetch_add(1, std::memory_order_relaxed);
      pipeline.rows_out_.fetch_add(rows, std::memory_order_relaxed);
    }
  };
  // From the processor.
  struct Sink {
    Pipeline& pipeline;
    void operator()(Out&& batch) const {
      pipeline.coalescer_.push(std::move(batch), Clock::now(), Deliver{pipeline});
    }
  };

  void run() noexcept {
    try {
      try {
        work();
      } catch (const ConsumerGone&) {
        throw;
      } catch (...) {
        error_ = std::current_exception();
        input_.cancel();
      }
      coalescer_.flush(Deliver{*this});
    } catch (const ConsumerGone&) {
    } catch (...) {
      if (!error_) error_ = std::current_exception();
    }
    input_.cancel();
    output_.close();
  }

  void work() {
    Sink sink{*this};
    for (;;) {
      In batch{};  // anew each time: what a processor leaves of the last one ends here
      switch (input_.pop_until(batch, coalescer_.deadline())) {
        case PopStatus::kItem:
          batches_in_.fetch_add(1, std::memory_order_relaxed);
          processor_.process(std::move(batch), sink);
          break;
        case PopStatus::kTimeout:
          break;
        case PopStatus::kEnd:
          if (!input_.is_cancelled()) processor_.finish(sink);
          return;
      }
      if (coalescer_.deadline()) coalescer_.poll(Clock::now(), Deliver{*this});
    }
  }

  Processor processor_;
  Coalescer<Out> coalescer_;
  SpscRing<In> input_;
  SpscRing<Out> output_;
  std::exception_ptr error_;  // the thread's until the output is closed, then the consumer's
  bool error_given_ = false;
  std::atomic<std::uint64_t> batches_in_{0};
  std::atomic<std::uint64_t> batches_out_{0};
  std::atomic<std::uint64_t> rows_out_{0};
  std::thread thread_;  // last: everything it uses is there
};

}  // namespace flowstate::stream
