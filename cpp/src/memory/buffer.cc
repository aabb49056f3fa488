// Blocks below 128 KB come from the C++ heap. Larger ones are anonymous mappings, from 4 MB on aligned to 2 MB and
// advised for huge pages, and go to a small cache when freed: the kernel zeroes fresh pages at about the speed of
// the join itself, so a result that reuses warm pages costs half. Cached blocks are evicted oldest first.
#include "flowstate/memory/buffer.h"

#include <atomic>
#include <mutex>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "flowstate/error.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace flowstate {
namespace {

constexpr std::size_t kAlignment = 64;
constexpr std::size_t kMapped = std::size_t{128} << 10;
constexpr std::size_t kHuge = std::size_t{4} << 20;
constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr std::size_t kMappedUnit = std::size_t{64} << 10;  // the largest page of any supported machine

std::size_t round_up(std::size_t size, std::size_t unit) noexcept { return (size + unit - 1) & ~(unit - 1); }

struct Block {
  std::uint8_t* data;
  std::size_t capacity;
};

std::uint8_t* map_block(std::size_t capacity) noexcept {
#if defined(__linux__)
  if (capacity < kHuge) {
    void* plain = mmap(nullptr, capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return plain == MAP_FAILED ? nullptr : static_cast<std::uint8_t*>(plain);
  }
  const std::size_t span = capacity + kHugePage;
  if (span < capacity) return nullptr;
  void* base = mmap(nullptr, span, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED) return nullptr;
  const auto address = reinterpret_cast<std::uintptr_t>(base);
  const std::uintptr_t aligned = (address + kHugePage - 1) & ~(kHugePage - 1);
  const std::size_t head = aligned - address;
  const std::size_t tail = span - head - capacity;
  if (head > 0) munmap(base, head);
  if (tail > 0) munmap(reinterpret_cast<void*>(aligned + capacity), tail);
  auto* data = reinterpret_cast<std::uint8_t*>(aligned);
#if defined(MADV_HUGEPAGE)
  madvise(data, capacity, MADV_HUGEPAGE);
#endif
  return data;
#else
  return static_cast<std::uint8_t*>(::operator new(capacity, std::align_val_t{kHugePage}, std::nothrow));
#endif
}

void unmap_block(const Block& block) noexcept {
#if defined(__linux__)
  munmap(block.data, block.capacity);
#else
  ::operator delete(block.data, std::align_val_t{kHugePage});
#endif
}

class BlockCache {
 public:
  // A cached block of at least `capacity` and not much more, or {nullptr, 0}.
  Block take(std::size_t capacity) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    std::size_t best = blocks_.size();
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
      const std::size_t have = blocks_[i].capacity;
      if (have < capacity || have > capacity + capacity / 4 + kMappedUnit) continue;
      if (best == blocks_.size() || have <= blocks_[best].capacity) best = i;
    }
    if (best == blocks_.size()) {
      ++misses_;
      return {nullptr, 0};
    }
    ++hits_;
    const Block block = blocks_[best];
    blocks_.erase(blocks_.begin() + static_cast<std::ptrdiff_t>(best));
    cached_ -= block.capacity;
    return block;
  }

  void give(Block block) noexcept {
    std::vector<Block> evicted;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      try {
        evicted.reserve(blocks_.size() + 1);
        blocks_.reserve(blocks_.size() + 1);
      } catch (const std::bad_alloc&) {
        unmap_block(block);
        return;
      }
      blocks_.push_back(block);
      cached_ += block.capacity;
      evict(evicted);
    }
    for (const Block& old : evicted) unmap_block(old);
  }

  void set_limit(std::size_t bytes) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    limit_ = bytes;
    shrink_to(limit_);
  }

  void trim() noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    shrink_to(0);
  }

  void count(std::size_t live, BufferCacheStats& stats) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    stats = {cached_, live, hits_, misses_};
  }

 private:
  // Oldest first, into a vector that has room; the caller unmaps outside the lock.
  void evict(std::vector<Block>& evicted) noexcept {
    std::size_t drop = 0;
    while (drop < blocks_.size() && cached_ > limit_) {
      cached_ -= blocks_[drop].capacity;
      evicted.push_back(blocks_[drop]);
      ++drop;
    }
    blocks_.erase(blocks_.begin(), blocks_.begin() + static_cast<std::ptrdiff_t>(drop));
  }

  void shrink_to(std::size_t bytes) noexcept {
    std::size_t drop = 0;
    while (drop < blocks_.size() && cached_ > bytes) {
      cached_ -= blocks_[drop].capacity;
      unmap_block(blocks_[drop]);
      ++drop;
    }
    blocks_.erase(blocks_.begin(), blocks_.begin() + static_cast<std::ptrdiff_t>(drop));
  }

  std::mutex mutex_;
  std::vector<Block> blocks_;  // oldest first
  std::size_t cached_ = 0;
  std::size_t limit_ = std::size_t{256} << 20;
  std::size_t hits_ = 0;
  std::size_t misses_ = 0;
};

// Never destroyed: buffers held by other static objects, or by a garbage collector, may outlive any order of
// destruction.
BlockCache& cache() noexcept {
  static BlockCache* const instance = new BlockCache;
  return *instance;
}

std::atomic<std::size_t> live_bytes{0};

[[noreturn]] void fail(std::size_t size) {
  throw Error(ErrorCode::OUT_OF_MEMORY, "could not allocate " + std::to_string(size) + " bytes",
              {{"bytes", static_cast<std::int64_t>(size)}});
}

Block allocate(std::size_t size) {
  if (size > (std::size_t{1} << 46)) fail(size);
  if (round_up(size, kAlignment) < kMapped) {
    const std::size_t capacity = round_up(size, kAlignment);
    auto* data = static_cast<std::uint8_t*>(::operator new(capacity, std::align_val_t{kAlignment}, std::nothrow));
    if (data == nullptr) fail(size);
    return {data, capacity};
  }
  const std::size_t capacity = round_up(size, round_up(size, kMappedUnit) < kHuge ? kMappedUnit : kHugePage);
  Block block = cache().take(capacity);
  if (block.data == nullptr) {
    block = {map_block(capacity), capacity};
    if (block.data == nullptr) {
      cache().trim();
      block.data = map_block(capacity);
    }
    if (block.data == nullptr) fail(size);
  }
  return block;
}

void release(Block block) noexcept {
  if (block.data == nullptr) return;
  live_bytes.fetch_sub(block.capacity, std::memory_order_relaxed);
  if (block.capacity < kMapped) {
    ::operator delete(block.data, std::align_val_t{kAlignment});
  } else {
    cache().give(block);
  }
}

}  // namespace

Buffer::Buffer(std::size_t size) {
  if (size == 0) return;
  const Block block = allocate(size);
  live_bytes.fetch_add(block.capacity, std::memory_order_relaxed);
  data_ = block.data;
  size_ = size;
  capacity_ = block.capacity;
}

Buffer::Buffer(Buffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      capacity_(std::exchange(other.capacity_, 0)) {}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  if (this != &other) {
    release({data_, capacity_});
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
    capacity_ = std::exchange(other.capacity_, 0);
  }
  return *this;
}

Buffer::~Buffer() { release({data_, capacity_}); }

BufferCacheStats buffer_cache_stats() noexcept {
  BufferCacheStats stats;
  cache().count(live_bytes.load(std::memory_order_relaxed), stats);
  return stats;
}

void set_buffer_cache_limit(std::size_t bytes) noexcept { cache().set_limit(bytes); }

void trim_buffer_cache() noexcept { cache().trim(); }

}  // namespace flowstate
