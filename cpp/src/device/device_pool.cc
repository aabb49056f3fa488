#include "flowstate/device/device_pool.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <limits>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "device/page_ranges.h"
#include "device/settle.h"

namespace flowstate::device {
namespace {

constexpr std::size_t kLargestClass = std::size_t{64} << 20;
constexpr std::size_t kLargeStep = std::size_t{2} << 20;
// How many blocks of one size are looked at: a bound on the cost of a call, not a rule. The newest are the likeliest
// to be of the same stream, the oldest the likeliest to be done.
constexpr std::size_t kLooks = 8;

std::size_t block_bytes_of(std::size_t bytes) {
  if (bytes > std::numeric_limits<std::size_t>::max() / 2) {
    throw Error(ErrorCode::ARG_RANGE,
                "a device buffer of " + std::to_string(bytes) + " bytes is out of reach");
  }
  if (bytes > kLargestClass) return (bytes + kLargeStep - 1) / kLargeStep * kLargeStep;
  return round_to_class((bytes + kDeviceAlignment - 1) / kDeviceAlignment) * kDeviceAlignment;
}

// A kept block: free for `stream`, and for all others once `event` (null: already) is complete. The pointer only names
// the stream: one that has ended has waited for its work, so a new stream at its address may use the block as well.
struct Kept {
  void* data = nullptr;
  std::size_t bytes = 0;
  const Stream* stream = nullptr;
  std::unique_ptr<Event> event;
};

}  // namespace

// `held` counts lent, kept and leaving bytes: blocks that wait outside the lock for their work to end, to be freed.
struct DevicePoolState {
  using Lock = std::unique_lock<std::mutex>;

  DevicePoolState(std::shared_ptr<Device> on, std::size_t cap_bytes)
      : device(std::move(on)), cap(cap_bytes != 0 ? cap_bytes : std::numeric_limits<std::size_t>::max()) {}
  ~DevicePoolState() {
    for (auto& [bytes, blocks] : kept) {
      for (Kept& block : blocks) discard(block);
    }
  }

  // A kept block that `stream` may use now, or with `waiting`, one that it may use after waiting for it.
  std::optional<Kept> find(std::size_t bytes, const Stream* stream, bool waiting);
  Kept remove(std::map<std::size_t, std::deque<Kept>>::iterator size, std::size_t index);
  void* grow(Lock& lock, std::size_t bytes);
  // Gives kept blocks back until `room` bytes more fit below the cap; false where all of them are not enough.
  bool evict(Lock& lock, std::size_t room);
  std::size_t give_back(Lock& lock, std::vector<Kept>& blocks) noexcept;
  std::size_t trim(Lock& lock) noexcept;
  void put(Kept block, bool lent) noexcept;
  std::unique_ptr<Event> event_after(Stream& stream) noexcept;
  void discard(Kept& block) noexcept {
    if (block.event) settle(*block.event);
    device->free(block.data);
  }
  Error exhausted(std::size_t bytes) const;

  const std::shared_ptr<Device> device;
  const std::size_t cap;
  mutable std::mutex mutex;
  std::condition_variable left;
  bool closed = false;
  std::map<std::size_t, std::deque<Kept>> kept;  // by size, oldest first
  std::vector<std::unique_ptr<Event>> events;    // to be recorded again
  std::size_t held = 0;
  std::size_t kept_bytes = 0;
  std::size_t leaving = 0;
  DevicePoolStats counts;
};

Kept DevicePoolState::remove(std::map<std::size_t, std::deque<Kept>>::iterator size, std::size_t index) {
  Kept block = std::move(size->second[index]);
  size->second.erase(size->second.begin() + static_cast<std::ptrdiff_t>(index));
  kept_bytes -= block.bytes;
  if (size->second.empty()) kept.erase(size);
  return block;
}

std::optional<Kept> DevicePoolState::find(std::size_t bytes, const Stream* stream, bool waiting) {
  for (auto size = kept.lower_bound(bytes); size != kept.end() && size->first / 4 * 3 <= bytes; ++size) {
    const std::deque<Kept>& blocks = size->second;
    const std::size_t looks = std::min(blocks.size(), kLooks);
    for (std::size_t i = 0; stream != nullptr && i < looks; ++i) {
      const std::size_t newest = blocks.size() - 1 - i;
      if (blocks[newest].stream == stream) return remove(size, newest);
    }
    for (std::size_t i = 0; i < looks; ++i) {
      if (!blocks[i].event || is_settled(*blocks[i].event)) return remove(size, i);
    }
    if (waiting) return remove(size, 0);
  }
  return std::nullopt;
}

void* DevicePoolState::grow(Lock& lock, std::size_t bytes) {
  held += bytes;
  counts.peak_held_bytes = std::max(counts.peak_held_bytes, held);
  ++counts.misses;
  lock.unlock();
  void* data = nullptr;
  std::exception_ptr error;
  for (int attempt = 0; attempt < 2 && data == nullptr; ++attempt) {
    error = nullptr;
    try {
      data = device->allocate(bytes);
    } catch (const Error& failure) {
      error = std::current_exception();
      if (failure.code() != ErrorCode::OUT_OF_MEMORY) break;
    }
    if (error && attempt == 0) {
      lock.lock();
      trim(lock);
      lock.unlock();
    }
  }
  lock.lock();
  if (!error && closed) {
    device->free(data);
    error = std::make_exception_ptr(Error(ErrorCode::CLOSED, "the device pool was closed"));
  }
  if (error) {
    held -= bytes;
    --counts.misses;
    left.notify_all();
    std::rethrow_exception(error);
  }
  return data;
}

bool DevicePoolState::evict(Lock& lock, std::size_t room) {
  if (held - leaving - kept_bytes > cap - room) return false;
  std::vector<Kept> going;
  std::size_t freed = 0;
  const auto enough = [&] { return held - leaving - freed <= cap - room; };
  for (const bool settled : {true, false}) {
    for (auto size = kept.begin(); size != kept.end() && !enough();) {
      const auto next = std::next(size);  // remove() erases a size with its last block
      for (std::size_t i = 0, count = size->second.size(); count > 0 && !enough(); --count) {
        Kept& block = size->second[i];
        if (settled && block.event && !is_settled(*block.event)) {
          ++i;
          continue;
        }
        freed += block.bytes;
        going.push_back(remove(size, i));
      }
      size = next;
    }
  }
  if (going.empty()) {
    if (leaving == 0) return false;
    left.wait(lock);
    return true;
  }
  counts.evicted += going.size();
  give_back(lock, going);
  return true;
}

std::size_t DevicePoolState::give_back(Lock& lock, std::vector<Kept>& blocks) noexcept {
  std::size_t bytes = 0;
  for (const Kept& block : blocks) bytes += block.bytes;
  leaving += bytes;
  lock.unlock();
  for (Kept& block : blocks) discard(block);
  lock.lock();
  leaving -= bytes;
  held -= bytes;
  left.notify_all();
  return bytes;
}

std::size_t DevicePoolState::trim(Lock& lock) noexcept {
  std::vector<Kept> all;
  while (!kept.empty()) all.push_back(remove(kept.begin(), 0));
  events.clear();
  return give_back(lock, all);
}

std::unique_ptr<Event> DevicePoolState::event_after(Stream& stream) noexcept {
  std::unique_ptr<Event> event;
  try {
    {
      const Lock lock(mutex);
      if (!events.empty()) {
        event = std::move(events.back());
        events.pop_back();
      }
    }
    if (!event) event = device->create_event();
    stream.record(*event);
    return event;
  } catch (...) {
    // No event to be had, or the device is lost: wait here, so that the block is free for everybody.
    settle(stream);
    return nullptr;
  }
}

void DevicePoolState::put(Kept block, bool lent) noexcept {
  Lock lock(mutex);
  if (lent) --counts.buffers;
  if (lent) counts.lent_bytes -= block.bytes;
  if (closed) {
    std::vector<Kept> one;
    one.push_back(std::move(block));
    give_back(lock, one);
    return;
  }
  kept_bytes += block.bytes;
  kept[block.bytes].push_back(std::move(block));
  left.notify_all();
}

Error DevicePoolState::exhausted(std::size_t bytes) const {
  return Error(ErrorCode::POOL_EXHAUSTED,
               "a device buffer of " + std::to_string(bytes) +
                   " bytes does not fit: " + std::to_string(counts.lent_bytes) +
                   " bytes are lent, the cap is " + std::to_string(cap) + "; release a buffer",
               {{"bytes", static_cast<std::int64_t>(bytes)},
                {"lentBytes", static_cast<std::int64_t>(counts.lent_bytes)},
                {"heldBytes", static_cast<std::int64_t>(held)},
                {"capBytes", static_cast<std::int64_t>(cap)}});
}

DeviceBuffer& DeviceBuffer::operator=(DeviceBuffer&& other) noexcept {
  if (this != &other) {
    release();
    state_ = std::move(other.state_);
    stream_ = std::move(other.stream_);
    data_ = std::exchange(other.data_, nullptr);
    bytes_ = std::exchange(other.bytes_, 0);
    block_bytes_ = std::exchange(other.block_bytes_, 0);
  }
  return *this;
}

Device& DeviceBuffer::device() const noexcept { return *state_->device; }

void DeviceBuffer::release() noexcept {
  const std::shared_ptr<DevicePoolState> state = std::move(state_);
  const std::shared_ptr<Stream> stream = std::move(stream_);
  void* const data = std::exchange(data_, nullptr);
  bytes_ = 0;
  if (data == nullptr) return;
  Kept block{data, std::exchange(block_bytes_, 0), stream.get(), nullptr};
  if (stream) block.event = state->event_after(*stream);
  state->put(std::move(block), true);
}

DevicePool::DevicePool(std::shared_ptr<Device> device, const Options& options)
    : state_(std::make_shared<DevicePoolState>(std::move(device), options.cap_bytes)) {}

DevicePool::~DevicePool() { close(); }

DeviceBuffer DevicePool::allocate(std::size_t bytes, std::shared_ptr<Stream> stream) {
  DevicePoolState& state = *state_;
  DeviceBuffer buffer;
  const std::size_t wanted = bytes == 0 ? 0 : block_bytes_of(bytes);
  DevicePoolState::Lock lock(state.mutex);
  for (;;) {
    if (state.closed) throw Error(ErrorCode::CLOSED, "the device pool is closed");
    if (wanted == 0) break;
    const bool has_room = wanted <= state.cap && state.held <= state.cap - wanted;
    std::optional<Kept> found = state.find(wanted, stream.get(), !has_room && stream != nullptr);
    if (found) {
      const bool must_wait = found->event && found->stream != stream.get() && !is_settled(*found->event);
      if (must_wait) {
        try {
          stream->wait(*found->event);
        } catch (...) {
          lock.unlock();
          state.put(std::move(*found), false);
          throw;
        }
        ++state.counts.waits;
      }
      ++state.counts.hits;
      buffer.data_ = found->data;
      buffer.block_bytes_ = found->bytes;
      if (found->event) state.events.push_back(std::move(found->event));
      break;
    }
    if (has_room) {
      buffer.data_ = state.grow(lock, wanted);
      buffer.block_bytes_ = wanted;
      break;
    }
    if (wanted > state.cap || !state.evict(lock, wanted)) {
      ++state.counts.refused;
      throw state.exhausted(bytes);
    }
  }
  if (wanted != 0) ++state.counts.buffers;
  state.counts.lent_bytes += buffer.block_bytes_;
  state.counts.peak_lent_bytes = std::max(state.counts.peak_lent_bytes, state.counts.lent_bytes);
  buffer.state_ = state_;
  buffer.bytes_ = bytes;
  buffer.stream_ = std::move(stream);
  return buffer;
}

DevicePoolStats DevicePool::stats() const {
  const DevicePoolState::Lock lock(state_->mutex);
  DevicePoolStats stats = state_->counts;
  stats.held_bytes = state_->held;
  return stats;
}

std::size_t DevicePool::trim() {
  DevicePoolState::Lock lock(state_->mutex);
  return state_->trim(lock);
}

void DevicePool::close() {
  DevicePoolState::Lock lock(state_->mutex);
  state_->closed = true;
  state_->trim(lock);
}

Device& DevicePool::device() const noexcept { return *state_->device; }

}  // namespace flowstate::device
