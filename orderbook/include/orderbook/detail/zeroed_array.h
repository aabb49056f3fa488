// A growing array of zero bytes for the book's storage. Elements are trivial, zero is their empty state, and pages that
// were never touched cost nothing: calloc of a large block is mapped lazily. Aligned to a cache line, so that elements
// of 16 or 32 bytes never straddle one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>
#include <type_traits>
#include <utility>

#include "orderbook/detail/compiler.h"

namespace orderbook::detail {

template <class T>
class ZeroedArray {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

 public:
  ZeroedArray() noexcept = default;
  explicit ZeroedArray(std::size_t size) { grow(size); }
  ZeroedArray(ZeroedArray&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        block_(std::exchange(other.block_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        is_resident_(other.is_resident_) {}
  ZeroedArray& operator=(ZeroedArray&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(block_, other.block_);
    std::swap(size_, other.size_);
    std::swap(is_resident_, other.is_resident_);
    return *this;
  }
  ~ZeroedArray() { std::free(block_); }

  [[nodiscard]] T& operator[](std::size_t index) noexcept { return data_[index]; }
  [[nodiscard]] const T& operator[](std::size_t index) const noexcept { return data_[index]; }
  [[nodiscard]] T* data() noexcept { return data_; }
  [[nodiscard]] const T* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t bytes() const noexcept { return size_ * sizeof(T); }

  // Keeps what is there, zero behind it. Throws std::bad_alloc and then has changed nothing.
  void grow(std::size_t size) {
    if (size <= size_) return;
    if (size > (std::numeric_limits<std::size_t>::max() - kLine) / sizeof(T)) throw std::bad_alloc();
    void* block = std::calloc(1, size * sizeof(T) + kLine);
    if (block == nullptr) throw std::bad_alloc();
    const auto address = reinterpret_cast<std::uintptr_t>(block);
    T* data = reinterpret_cast<T*>(static_cast<std::byte*>(block) + (kLine - address % kLine) % kLine);
    if (is_resident_) make_resident(data, size);
    if (size_ != 0) std::memcpy(static_cast<void*>(data), data_, size_ * sizeof(T));
    std::free(block_);
    block_ = block;
    data_ = data;
    size_ = size;
  }

  // Takes the page faults now, with huge pages where the system has them, and again when it grows. Only before anything
  // is stored.
  void prefault() noexcept {
    is_resident_ = true;
    make_resident(data_, size_);
  }

 private:
  static constexpr std::size_t kLine = 64;
  static constexpr std::size_t kHugeFrom = std::size_t{1}
                                           << 20;  // smaller arrays would waste most of a huge page

  static void make_resident(T* data, std::size_t size) noexcept {
    if (size * sizeof(T) >= kHugeFrom) advise_huge_pages(data, size * sizeof(T));
    volatile auto* bytes_of = reinterpret_cast<volatile unsigned char*>(data);
    for (std::size_t i = 0; i < size * sizeof(T); i += 4096) bytes_of[i] = 0;
  }

  T* data_ = nullptr;
  void* block_ = nullptr;
  std::size_t size_ = 0;
  bool is_resident_ = false;
};

}  // namespace orderbook::detail
