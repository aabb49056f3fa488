// A device that passes every call on and keeps the books: what was allocated and not freed, and what was freed twice.
#pragma once

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "flowstate/device/device.h"
#include "flowstate/device/faults.h"

namespace flowstate::device::test {

class AuditDevice final : public Device {
 public:
  explicit AuditDevice(std::shared_ptr<FaultPlan> faults = nullptr, std::size_t memory_bytes = 0)
      : faults_(std::move(faults)), inner_(open_host_device({memory_bytes, faults_})) {}

  DeviceKind kind() const noexcept override { return inner_->kind(); }
  const std::string& id() const noexcept override { return inner_->id(); }
  const DeviceProperties& properties() const noexcept override { return inner_->properties(); }
  MemoryInfo memory_info() override { return inner_->memory_info(); }
  void* allocate(std::size_t bytes) override {
    if (on_allocate) on_allocate();
    return count(device_, inner_->allocate(bytes), bytes);
  }
  void free(void* data) noexcept override {
    uncount(device_, data);
    inner_->free(data);
  }
  void* allocate_ordered(std::size_t bytes, Stream& stream) override {
    return count(device_, inner_->allocate_ordered(bytes, stream), bytes);
  }
  void free_ordered(void* data, Stream& stream) noexcept override {
    uncount(device_, data);
    inner_->free_ordered(data, stream);
  }
  PinnedBlock allocate_pinned(std::size_t bytes) override {
    if (on_allocate) on_allocate();
    const PinnedBlock block = inner_->allocate_pinned(bytes);
    count(pinned_, block.data, bytes);
    return block;
  }
  void free_pinned(const PinnedBlock& block) noexcept override {
    uncount(pinned_, block.data);
    inner_->free_pinned(block);
  }
  bool register_host(void* data, std::size_t bytes) override { return inner_->register_host(data, bytes); }
  void unregister_host(void* data) noexcept override { inner_->unregister_host(data); }
  HostMemoryKind kind_of_host_memory(const void* data) const noexcept override {
    return inner_->kind_of_host_memory(data);
  }
  std::unique_ptr<Stream> create_stream() override { return inner_->create_stream(); }
  std::unique_ptr<Event> create_event() override { return inner_->create_event(); }
  std::unique_ptr<DirectFile> open_direct(const std::string& path, std::string& reason) override {
    return inner_->open_direct(path, reason);
  }
  void synchronize() override { inner_->synchronize(); }

  // What happens elsewhere while a pool, its lock open, waits for an allocation.
  std::function<void()> on_allocate;

  std::size_t device_bytes() const { return total(device_); }
  std::size_t pinned_bytes() const { return total(pinned_); }
  std::size_t peak_pinned_bytes() const {
    const std::lock_guard lock(mutex_);
    return pinned_.peak;
  }
  std::size_t peak_device_bytes() const {
    const std::lock_guard lock(mutex_);
    return device_.peak;
  }
  int false_frees() const {
    const std::lock_guard lock(mutex_);
    return false_frees_;
  }

 private:
  struct Book {
    std::map<void*, std::size_t> blocks;
    std::size_t bytes = 0;
    std::size_t peak = 0;
  };
  void* count(Book& book, void* data, std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    if (data != nullptr) {
      book.blocks[data] = bytes;
      book.bytes += bytes;
      book.peak = std::max(book.peak, book.bytes);
    }
    return data;
  }
  void uncount(Book& book, void* data) noexcept {
    const std::lock_guard lock(mutex_);
    if (data == nullptr) return;
    const auto found = book.blocks.find(data);
    if (found == book.blocks.end()) {
      ++false_frees_;
      return;
    }
    book.bytes -= found->second;
    book.blocks.erase(found);
  }
  std::size_t total(const Book& book) const {
    const std::lock_guard lock(mutex_);
    return book.bytes;
  }

  std::shared_ptr<FaultPlan> faults_;
  std::shared_ptr<Device> inner_;
  mutable std::mutex mutex_;
  Book device_;
  Book pinned_;
  int false_frees_ = 0;
};

// The code of the Error that `call` throws.
template <typename Call>
ErrorCode code_of(const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.code();
  }
  FAIL("no error was thrown");
  return ErrorCode::INTERNAL;
}

// Random tests: FS_TEST_SEED and FS_TEST_CASES as everywhere in these tests.
inline std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

}  // namespace flowstate::device::test
