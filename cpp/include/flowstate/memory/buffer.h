// Owned, 64-byte aligned memory for results. Large blocks come from huge-page-advised mappings and are kept
// for reuse when freed (a first touch of fresh pages costs more than the join that fills them), up to a cap
// per process.
#pragma once

#include <cstddef>
#include <cstdint>

namespace flowstate {

class Buffer {
 public:
  Buffer() noexcept = default;
  // Contents undefined. size 0 gives an empty buffer. Throws Error OUT_OF_MEMORY.
  explicit Buffer(std::size_t size);
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer();

  std::uint8_t* data() noexcept { return data_; }
  const std::uint8_t* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }

  // Cuts the visible size; capacity stays.
  void shrink(std::size_t size) noexcept { size_ = size; }

  template <typename T>
  T* as() noexcept {
    return reinterpret_cast<T*>(data_);
  }
  template <typename T>
  const T* as() const noexcept {
    return reinterpret_cast<const T*>(data_);
  }

 private:
  std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

// What the allocator holds for reuse, and the cap on it. Thread-safe.
struct BufferCacheStats {
  std::size_t cached_bytes = 0;
  std::size_t live_bytes = 0;
  std::size_t hits = 0;
  std::size_t misses = 0;
};
BufferCacheStats buffer_cache_stats() noexcept;
void set_buffer_cache_limit(std::size_t bytes) noexcept;  // default 256 MiB; 0 empties it
void trim_buffer_cache() noexcept;

}  // namespace flowstate
