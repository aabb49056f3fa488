#include "flowstate/io/copy_job.h"

#include <cerrno>
#include <utility>

#include "flowstate/error.h"

namespace flowstate::io {

namespace {

// A schema tree in C structs that own what they point to.
struct SchemaOwner {
  std::string format;
  std::string name;
  std::vector<ArrowSchema> children;
  std::vector<ArrowSchema*> pointers;
  std::unique_ptr<ArrowSchema> dictionary;
};

void release_schema(ArrowSchema* schema) {
  auto* owner = static_cast<SchemaOwner*>(schema->private_data);
  for (ArrowSchema& child : owner->children) {
    if (child.release != nullptr) child.release(&child);
  }
  if (owner->dictionary && owner->dictionary->release != nullptr)
    owner->dictionary->release(owner->dictionary.get());
  schema->release = nullptr;
  delete owner;
}

void export_schema(const ArrowType& type, ArrowSchema* out) {
  auto owner = std::make_unique<SchemaOwner>();
  owner->format = type.format;
  owner->name = type.name;
  owner->children.resize(type.children.size());
  for (std::size_t i = 0; i < type.children.size(); ++i) {
    export_schema(type.children[i], &owner->children[i]);
    owner->pointers.push_back(&owner->children[i]);
  }
  if (type.dictionary) {
    owner->dictionary = std::make_unique<ArrowSchema>();
    export_schema(*type.dictionary, owner->dictionary.get());
  }
  *out = {owner->format.c_str(),
          owner->name.c_str(),
          nullptr,
          kArrowNullable,
          static_cast<std::int64_t>(owner->children.size()),
          owner->pointers.data(),
          owner->dictionary.get(),
          release_schema,
          nullptr};
  out->private_data = owner.release();
}

// Arrays inside the batch: DuckDB may release them on their own, which means nothing here.
void release_inner(ArrowArray* array) { array->release = nullptr; }

}  // namespace

// A batch in C structs; its release reports the batch as free.
struct CopyJob::ArrayOwner {
  CopyJob* job;
  std::uint64_t id;
  ArrowData data;
  std::deque<ArrowArray> arrays;
  std::deque<std::vector<ArrowArray*>> pointers;

  void fill(ArrowData& from, ArrowArray* out) {
    std::vector<ArrowArray*>& children = pointers.emplace_back();
    for (ArrowData& child : from.children) {
      ArrowArray* array = &arrays.emplace_back();
      fill(child, array);
      children.push_back(array);
    }
    ArrowArray* dictionary = nullptr;
    if (from.dictionary) {
      dictionary = &arrays.emplace_back();
      fill(*from.dictionary, dictionary);
    }
    *out = {from.length,
            from.null_count,
            0,
            static_cast<std::int64_t>(from.buffers.size()),
            static_cast<std::int64_t>(children.size()),
            from.buffers.data(),
            children.data(),
            dictionary,
            release_inner,
            nullptr};
  }

  static void release(ArrowArray* array) {
    const std::unique_ptr<ArrayOwner> owner(static_cast<ArrayOwner*>(array->private_data));
    array->release = nullptr;
    const std::lock_guard lock(owner->job->mutex_);
    owner->job->released_.push_back(owner->id);
  }
};

CopyJob::CopyJob(std::unique_ptr<ScanConnection> connection, std::string view, std::string sql,
                 ArrowType schema)
    : connection_(std::move(connection)),
      view_(std::move(view)),
      sql_(std::move(sql)),
      schema_(std::move(schema)) {
  stream_ = {get_schema, get_next, get_last_error,
             [](ArrowArrayStream* stream) { stream->release = nullptr; }, this};
  thread_ = std::thread([this] { run(); });
}

CopyJob::~CopyJob() {
  abort();
  if (thread_.joinable()) thread_.join();
  connection_.reset();  // first of all: whatever it still holds is released into this job
}

void CopyJob::run() noexcept {
  std::string error;
  ErrorCode code = ErrorCode::CORRUPT;
  try {
    connection_->open();
    const duck::Api& api = connection_->api();
    if (api.arrow_scan(connection_->get(), view_.c_str(), &stream_) != 0) {
      error = "DuckDB does not take the batches' schema";
    } else {
      duck::Result result{};
      if (api.query(connection_->get(), sql_.c_str(), &result) != 0) {
        const char* text = api.result_error(&result);
        error = text == nullptr || *text == '\0' ? "DuckDB failed without a reason" : text;
      }
      api.destroy_result(&result);
      // The view is the connection's; what it holds of the stream goes with it.
      api.query(connection_->get(), ("DROP VIEW IF EXISTS " + view_).c_str(), &result);
      api.destroy_result(&result);
    }
  } catch (const Error& failure) {
    code = failure.code();
    error = failure.what();
  } catch (const std::exception& failure) {
    error = failure.what();
  }
  const std::lock_guard lock(mutex_);
  done_ = true;
  code_ = code;
  error_ = std::move(error);
  changed_.notify_all();
}

int CopyJob::get_schema(ArrowArrayStream* stream, ArrowSchema* out) {
  try {
    export_schema(static_cast<CopyJob*>(stream->private_data)->schema_, out);
    return 0;
  } catch (...) {
    return ENOMEM;
  }
}

int CopyJob::get_next(ArrowArrayStream* stream, ArrowArray* out) {
  auto* job = static_cast<CopyJob*>(stream->private_data);
  *out = {};
  std::unique_lock lock(job->mutex_);
  job->changed_.wait(lock, [job] { return !job->queue_.empty() || job->ended_ || job->aborted_; });
  if (job->aborted_) return ECANCELED;
  if (job->queue_.empty()) return 0;
  Item item = std::move(job->queue_.front());
  job->queue_.pop_front();
  job->changed_.notify_all();
  lock.unlock();
  try {
    auto owner = std::make_unique<ArrayOwner>();
    owner->job = job;
    owner->id = item.id;
    owner->data = std::move(item.data);
    owner->fill(owner->data, out);
    out->release = ArrayOwner::release;
    out->private_data = owner.release();
    return 0;
  } catch (...) {
    return ENOMEM;
  }
}

const char* CopyJob::get_last_error(ArrowArrayStream*) { return "the write was aborted"; }

void CopyJob::push(std::uint64_t id, ArrowData batch) {
  const std::lock_guard lock(mutex_);
  if (done_) throw Error(code_, error_.empty() ? "the write is over" : error_);
  queue_.push_back({id, std::move(batch)});
  changed_.notify_all();
}

void CopyJob::wait_for_room() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return queue_.size() < kQueued || done_; });
}

void CopyJob::finish() {
  std::unique_lock lock(mutex_);
  ended_ = true;
  changed_.notify_all();
  changed_.wait(lock, [this] { return done_; });
  if (aborted_) throw Error(ErrorCode::ABORTED, "the write was aborted by its signal");
  if (!error_.empty()) throw Error(code_, error_);
}

void CopyJob::abort() noexcept {
  {
    const std::lock_guard lock(mutex_);
    if (done_) return;
    aborted_ = true;
    changed_.notify_all();
  }
  connection_->interrupt();
}

std::vector<std::uint64_t> CopyJob::released() {
  const std::lock_guard lock(mutex_);
  return std::exchange(released_, {});
}

}  // namespace flowstate::io
