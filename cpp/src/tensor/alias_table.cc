#include "flowstate/tensor/alias_table.h"

#include <condition_variable>
#include <limits>
#include <string>
#include <thread>
#include <utility>

#include "flowstate/device/device.h"
#include "flowstate/error.h"

namespace flowstate::tensor {

namespace {

// What TensorFlow's kernels for the CPU may rely on with AVX-512; its own check is for this or less.
constexpr std::size_t kHostAlignment = 64;

}  // namespace

// Destroys owners on a thread of its own.
class AliasTable::Returner {
 public:
  Returner() : thread_([this] { run(); }) {}
  ~Returner() {
    {
      const std::lock_guard lock(mutex_);
      is_stopping_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }

  void add(std::unique_ptr<AliasOwner> owner) noexcept {
    {
      const std::lock_guard lock(mutex_);
      AliasOwner* const added = owner.release();
      (last_ != nullptr ? last_->next_ : first_) = added;
      last_ = added;
      ++count_;
    }
    wake_.notify_one();
  }
  std::size_t count() const {
    const std::lock_guard lock(mutex_);
    return count_;
  }
  void wait_until_empty() {
    std::unique_lock lock(mutex_);
    empty_.wait(lock, [this] { return count_ == 0; });
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      wake_.wait(lock, [this] { return is_stopping_ || first_ != nullptr; });
      if (first_ == nullptr) return;
      std::unique_ptr<AliasOwner> owner(first_);
      first_ = owner->next_;
      if (first_ == nullptr) last_ = nullptr;
      lock.unlock();
      owner.reset();
      lock.lock();
      if (--count_ == 0) empty_.notify_all();
    }
  }

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable empty_;
  AliasOwner* first_ = nullptr;
  AliasOwner* last_ = nullptr;
  std::size_t count_ = 0;
  bool is_stopping_ = false;
  std::thread thread_;
};

AliasTable::AliasTable() = default;

AliasTable::~AliasTable() {
  // What nobody took is returned before the thread that may have to do it ends.
  for (Slot& slot : slots_) {
    if (slot.is_filled) finish(std::move(slot.alias.owner));
  }
}

void AliasTable::require_aligned(const void* data, bool on_gpu) {
  const std::size_t alignment = on_gpu ? device::kDeviceAlignment : kHostAlignment;
  if (reinterpret_cast<std::uintptr_t>(data) % alignment == 0) return;
  throw Error(ErrorCode::ARG_RANGE, "a tensor that is shared must begin at a multiple of " +
                                        std::to_string(alignment) + " bytes; TensorFlow would copy it");
}

AliasHandle AliasTable::put(Alias alias) {
  require_aligned(alias.data, alias.on_gpu);
  const std::lock_guard lock(mutex_);
  if (!returner_) returner_ = std::make_unique<Returner>();
  if (free_.empty()) {
    if (slots_.size() >= static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) {
      throw Error(ErrorCode::OUT_OF_MEMORY, "no handle is left for another shared tensor");
    }
    // Room to take the slot back later, which must not fail.
    free_.reserve(slots_.size() + 1);
    slots_.emplace_back();
    free_.push_back(static_cast<std::int32_t>(slots_.size() - 1));
  }
  const std::int32_t index = free_.back();
  free_.pop_back();
  Slot& slot = slots_[static_cast<std::size_t>(index)];
  slot.generation = slot.generation == std::numeric_limits<std::int32_t>::max() ? 1 : slot.generation + 1;
  slot.is_filled = true;
  slot.alias = std::move(alias);
  return {index, slot.generation};
}

AliasTable::Slot* AliasTable::find(AliasHandle handle) {
  if (handle.slot < 0 || static_cast<std::size_t>(handle.slot) >= slots_.size()) return nullptr;
  Slot& slot = slots_[static_cast<std::size_t>(handle.slot)];
  return slot.is_filled && slot.generation == handle.generation ? &slot : nullptr;
}

Alias AliasTable::empty(Slot& slot, std::int32_t index) {
  slot.is_filled = false;
  free_.push_back(index);
  return std::move(slot.alias);
}

AliasTable::Taken AliasTable::take(AliasHandle handle, int type, bool on_gpu, Alias& out) {
  const std::lock_guard lock(mutex_);
  Slot* const slot = find(handle);
  if (slot == nullptr) return Taken::kStale;
  if (slot->alias.on_gpu != on_gpu) return Taken::kOtherMemory;
  if (slot->alias.type != type) return Taken::kOtherType;
  out = empty(*slot, handle.slot);
  ++lent_;
  return Taken::kTaken;
}

bool AliasTable::drop(AliasHandle handle) {
  std::unique_ptr<AliasOwner> owner;
  {
    const std::lock_guard lock(mutex_);
    Slot* const slot = find(handle);
    if (slot == nullptr) return false;
    owner = empty(*slot, handle.slot).owner;
  }
  finish(std::move(owner));
  return true;
}

void AliasTable::give_back(std::unique_ptr<AliasOwner> owner) noexcept {
  {
    const std::lock_guard lock(mutex_);
    --lent_;
  }
  finish(std::move(owner));
}

void AliasTable::finish(std::unique_ptr<AliasOwner> owner) noexcept {
  {
    const std::lock_guard lock(mutex_);
    ++finished_;
  }
  if (!owner->try_return()) returner_->add(std::move(owner));
}

AliasStats AliasTable::stats() const {
  const std::lock_guard lock(mutex_);
  AliasStats stats;
  stats.slots = slots_.size();
  stats.waiting = slots_.size() - free_.size();
  stats.lent = lent_;
  stats.returning = returner_ ? returner_->count() : 0;
  stats.returned = finished_ - stats.returning;
  return stats;
}

void AliasTable::wait_until_returned() {
  Returner* returner = nullptr;
  {
    const std::lock_guard lock(mutex_);
    returner = returner_.get();
  }
  if (returner != nullptr) returner->wait_until_empty();
}

AliasTable& alias_table() {
  static AliasTable* const table = new AliasTable();
  return *table;
}

}  // namespace flowstate::tensor
