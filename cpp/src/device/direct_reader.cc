// The reader's threads and jobs; what a thread does with a task is read_worker.cc, how ranges become tasks read_plan.cc.
#include "flowstate/device/direct_reader.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <new>
#include <string>
#include <system_error>
#include <thread>

#include "device/read_plan.h"
#include "device/read_worker.h"

namespace flowstate::device {

struct ReadJob::State {
  ReadPlan plan;
  DirectReader::Done done;
  std::atomic<bool> stop{false};  // cancelled or failed: what has not begun is left out
  std::size_t next = 0;           // guarded by the reader's mutex
  std::atomic<std::size_t> left{0};
  std::atomic<bool> left_out{false};  // a task was not read to its end

  mutable std::mutex mutex;
  mutable std::condition_variable finished;
  bool is_finished = false;
  std::exception_ptr failure;

  void fail(std::exception_ptr error) {
    const std::lock_guard lock(mutex);
    if (!failure) failure = std::move(error);
    stop.store(true);
  }

  // By whoever took the last task.
  void finish() {
    std::exception_ptr outcome;
    {
      const std::lock_guard lock(mutex);
      if (!failure && left_out.load()) {
        failure = std::make_exception_ptr(Error(ErrorCode::ABORTED, "the read was cancelled"));
      }
      outcome = failure;
    }
    plan = {};  // closes the files before anyone hears that the job has ended
    if (done) done(outcome);
    done = nullptr;
    {
      const std::lock_guard lock(mutex);
      is_finished = true;
    }
    finished.notify_all();
  }
};

void ReadJob::cancel() noexcept { state_->stop.store(true); }

bool ReadJob::is_done() const {
  const std::lock_guard lock(state_->mutex);
  return state_->is_finished;
}

void ReadJob::wait() const {
  std::unique_lock lock(state_->mutex);
  state_->finished.wait(lock, [this] { return state_->is_finished; });
  if (state_->failure) std::rethrow_exception(state_->failure);
}

struct DirectReader::State {
  std::shared_ptr<Device> device;
  Options options;
  ReaderCounters counters;
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<std::shared_ptr<ReadJob::State>> jobs;  // with tasks that nobody has taken
  std::vector<std::shared_ptr<ReadJob::State>> running;
  std::vector<std::thread> threads;
  bool closing = false;

  void start();
  void work();
  void run_task(ReadWorker& worker, ReadJob::State& job, std::size_t index);
};

void DirectReader::State::start() {
  const auto wanted = static_cast<std::size_t>(options.threads);
  threads.reserve(wanted);
  try {
    while (threads.size() < wanted) threads.emplace_back([this] { work(); });
  } catch (const std::system_error& error) {
    // The system gives no more threads: fewer do it as well, none cannot.
    if (threads.empty()) {
      throw Error(ErrorCode::OUT_OF_MEMORY,
                  std::string("the reader could not start a thread: ") + error.what());
    }
  }
}

void DirectReader::State::work() {
  ReadWorker worker(*device, options, counters);
  std::unique_lock lock(mutex);
  for (;;) {
    wake.wait(lock, [this] { return !jobs.empty() || closing; });
    if (jobs.empty()) return;
    const std::shared_ptr<ReadJob::State> job = jobs.front();
    const std::size_t index = job->next++;
    if (job->next >= job->plan.tasks.size()) jobs.pop_front();
    lock.unlock();
    run_task(worker, *job, index);
    if (job->left.fetch_sub(1) == 1) {
      job->finish();
      lock.lock();
      std::erase(running, job);
    } else {
      lock.lock();
    }
  }
}

void DirectReader::State::run_task(ReadWorker& worker, ReadJob::State& job, std::size_t index) {
  if (index >= job.plan.tasks.size()) return;  // a job without tasks
  if (job.stop.load()) {
    job.left_out.store(true);
    return;
  }
  try {
    if (!worker.run(job.plan.tasks[index], job.stop)) job.left_out.store(true);
  } catch (const Error&) {
    job.fail(std::current_exception());
  } catch (const std::bad_alloc&) {
    job.fail(std::make_exception_ptr(Error(ErrorCode::OUT_OF_MEMORY, "the reader ran out of memory")));
  } catch (const std::exception& error) {
    job.fail(
        std::make_exception_ptr(Error(ErrorCode::INTERNAL, std::string("a read threw: ") + error.what())));
  }
}

DirectReader::DirectReader(std::shared_ptr<Device> device, const Options& options) : state_(new State) {
  const auto is_size = [](std::size_t bytes) {
    return bytes >= kPageBytes && bytes <= (std::size_t{1} << 30);
  };
  if (device == nullptr || options.threads < 1 || options.threads > 64 || options.chunks < 2 ||
      options.chunks > 16 || !is_size(options.task_bytes) || !is_size(options.chunk_bytes)) {
    throw Error(
        ErrorCode::ARG_RANGE,
        "a reader expects a device, 1 to 64 threads, 2 to 16 chunks, tasks and chunks of a page to 1 GiB");
  }
  state_->device = std::move(device);
  state_->options = options;
}

DirectReader::~DirectReader() { close(); }

void DirectReader::read(std::span<const ReadRange> ranges) {
  read_async(std::vector<ReadRange>(ranges.begin(), ranges.end())).wait();
}

ReadJob DirectReader::read_async(std::vector<ReadRange> ranges, Done done) {
  auto job = std::make_shared<ReadJob::State>();
  job->plan = plan_reads(ranges, state_->options.task_bytes);
  job->done = std::move(done);
  // A job without tasks takes a turn all the same, so that its end is told from a thread of the reader like any other.
  job->left = std::max<std::size_t>(job->plan.tasks.size(), 1);
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->closing) throw Error(ErrorCode::CLOSED, "the reader was closed before the read");
    if (state_->threads.empty()) state_->start();
    state_->running.push_back(job);
    try {
      state_->jobs.push_back(job);
    } catch (...) {
      state_->running.pop_back();
      throw;
    }
  }
  state_->wake.notify_all();
  return ReadJob(std::move(job));
}

void DirectReader::close() noexcept {
  std::vector<std::thread> threads;
  {
    const std::lock_guard lock(state_->mutex);
    state_->closing = true;
    for (const auto& job : state_->running) job->stop.store(true);
    threads.swap(state_->threads);
  }
  state_->wake.notify_all();
  for (std::thread& thread : threads) thread.join();
}

ReaderStats DirectReader::stats() const { return state_->counters.stats(); }

}  // namespace flowstate::device
