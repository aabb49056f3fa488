// Memory on its way to a framework, and lent to it.
//
// JavaScript can only name memory to an operation of TensorFlow by numbers, and numbers can be wrong, old or used twice.
// So they name a slot and its generation, never an address: put() fills a slot, the operation takes it once, and every
// later use of the same handle finds another generation.
//
//   put() ──▶ waiting ── take() ──▶ lent ── the framework's deallocator ──▶ returned
//                 └───── drop() ─────────────────────────────────────────▶ returned
//
// An owner is returned exactly once, by whoever comes last. The deallocator runs on any thread of the framework, which
// may hold locks: it must not wait, so an owner that cannot be returned at once (device work may still read the memory)
// goes to a thread of the table's.
//
// Thread-safe. The table of the process lives as long as it does: deallocators run during its exit too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace flowstate::tensor {

// Keeps memory from being lent to others.
class AliasOwner {
 public:
  virtual ~AliasOwner() = default;
  // Gives the memory back where that waits for nothing; false: destroy this on a thread that may wait. Any thread.
  virtual bool try_return() noexcept = 0;

 private:
  friend class AliasTable;
  AliasOwner* next_ = nullptr;  // in the queue of the table's thread, which must not allocate
};

struct Alias {
  void* data = nullptr;
  std::size_t bytes = 0;
  int type = 0;  // TfType
  // The framework's kernel for memory of a GPU, not of the host, takes it.
  bool on_gpu = false;
  std::vector<std::int64_t> shape;
  std::unique_ptr<AliasOwner> owner;
};

struct AliasHandle {
  std::int32_t slot = 0;
  std::int32_t generation = 0;
};

struct AliasStats {
  std::size_t slots = 0;      // ever made
  std::size_t waiting = 0;    // put, and neither taken nor dropped
  std::size_t lent = 0;       // taken, and not deallocated
  std::size_t returning = 0;  // waiting for device work, on the table's thread
  std::uint64_t returned = 0;
};

class AliasTable {
 public:
  AliasTable();
  // Waits for the table's thread. The table of the process is never destroyed.
  ~AliasTable();
  AliasTable(const AliasTable&) = delete;
  AliasTable& operator=(const AliasTable&) = delete;

  // Throws ARG_RANGE for memory that a framework would copy: at no multiple of 64 bytes on the host, of 256 on a GPU.
  static void require_aligned(const void* data, bool on_gpu);
  // Throws as require_aligned(), and OUT_OF_MEMORY.
  AliasHandle put(Alias alias);

  enum class Taken : std::uint8_t { kTaken, kStale, kOtherType, kOtherMemory };
  // Moves the slot's alias out; whatever does not fit stays where it is.
  Taken take(AliasHandle handle, int type, bool on_gpu, Alias& out);
  // True where nobody had taken it: its owner is returned now.
  bool drop(AliasHandle handle);
  // The end of what take() gave.
  void give_back(std::unique_ptr<AliasOwner> owner) noexcept;

  AliasStats stats() const;
  // Until nothing is returning.
  void wait_until_returned();

 private:
  struct Slot {
    std::int32_t generation = 0;
    bool is_filled = false;
    Alias alias;
  };
  class Returner;

  Slot* find(AliasHandle handle);
  Alias empty(Slot& slot, std::int32_t index);
  void finish(std::unique_ptr<AliasOwner> owner) noexcept;

  mutable std::mutex mutex_;
  std::vector<Slot> slots_;
  std::vector<std::int32_t> free_;
  std::size_t lent_ = 0;
  std::uint64_t finished_ = 0;  // returned or returning
  // Made by the first put(), so that a deallocator need not make it.
  std::unique_ptr<Returner> returner_;
};

// The process's: TensorFlow's registry of operations is one per process too. Never destroyed.
AliasTable& alias_table();

}  // namespace flowstate::tensor
