#include "host_work.h"

#include <cstdint>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

namespace flowstate::cuda {

namespace {

struct Table {
  struct Entry {
    const void* owner;
    std::function<void()> work;
  };
  std::mutex mutex;
  std::unordered_map<std::uintptr_t, Entry> entries;
  std::uintptr_t next = 1;

  std::function<void()> take(std::uintptr_t number) {
    const std::lock_guard lock(mutex);
    const auto found = entries.find(number);
    if (found == entries.end()) return nullptr;
    std::function<void()> work = std::move(found->second.work);
    entries.erase(found);
    return work;
  }
};

// Never destroyed: the driver's threads may still come here while statics are.
Table& table() {
  static Table* const instance = new Table;
  return *instance;
}

void CUDART_CB run(void* number) {
  const std::function<void()> work = table().take(reinterpret_cast<std::uintptr_t>(number));
  if (work) work();
}

}  // namespace

cudaError_t launch_host_work(cudaStream_t stream, const void* owner, std::function<void()> work) {
  Table& all = table();
  std::uintptr_t number;
  {
    const std::lock_guard lock(all.mutex);
    number = all.next++;
    all.entries.emplace(number, Table::Entry{owner, std::move(work)});
  }
  const cudaError_t status = cudaLaunchHostFunc(stream, run, reinterpret_cast<void*>(number));
  if (status != cudaSuccess) all.take(number);
  return status;
}

void drop_host_work(const void* owner) noexcept {
  Table& all = table();
  for (;;) {
    // One at a time and destroyed outside the lock: what a function holds may come back here.
    std::function<void()> dropped;
    const std::lock_guard lock(all.mutex);
    auto entry = all.entries.begin();
    while (entry != all.entries.end() && entry->second.owner != owner) ++entry;
    if (entry == all.entries.end()) return;
    dropped = std::move(entry->second.work);
    all.entries.erase(entry);
  }
}

}  // namespace flowstate::cuda
