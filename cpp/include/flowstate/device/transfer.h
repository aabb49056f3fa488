// Copies between host and device memory, in chunks over several streams.
//
// Pinned and registered host memory is copied straight. Pageable memory goes through pinned chunks: while one is on
// the wire, the next is filled (or, to the host, the last one emptied) by a staging thread. Staging memory is bounded:
// two chunks per stream, lent from the pinned pool at first use and kept. Small copies share a chunk, and one device
// copy where their device memory is adjacent.
//
// Order: copies of one call may run in any order and beside those of earlier calls. They start after `after`, where
// given, and nothing else; they are done at `ready`. No stream of the caller's is waited for.
// Errors: the first one of a call wins; all its work has settled when it is thrown. A failure that shows only when a
// copy runs may come out of the call or out of `ready`, and of calls that were given before it showed; later ones work
// on with new streams.
// Thread-safe: calls from several threads run one after another.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "flowstate/device/device.h"
#include "flowstate/device/pinned_pool.h"
#include "flowstate/thread_pool.h"

namespace flowstate::device {

// One piece to copy; host memory on one side, device memory on the other. Pieces of a call do not overlap.
struct Copy {
  void* target = nullptr;
  const void* source = nullptr;
  std::size_t bytes = 0;
  // Bytes behind the device side's that belong to it (padding up to an alignment): to the device they may be
  // overwritten with zeros, to the host they may be read. Lets neighbours with padding between them share a copy.
  std::size_t padding = 0;
};

enum class Direction : std::uint8_t { kToDevice, kToHost };

struct TransferStats {
  std::uint64_t to_device_bytes = 0;
  std::uint64_t to_host_bytes = 0;
  // The same bytes by what the host memory was.
  std::uint64_t pageable_bytes = 0;
  std::uint64_t pinned_bytes = 0;
  std::uint64_t registered_bytes = 0;
  std::uint64_t staged_chunks = 0;
  std::uint64_t device_copies = 0;  // given to streams
  std::uint64_t staging_ns = 0;     // threads' time between pageable memory and chunks
  std::uint64_t waiting_ns = 0;     // threads' time until a chunk was free or had arrived
  std::uint64_t failed_calls = 0;
};

class Transfer {
 public:
  // 1 MiB: measured on the host device (bench/results/2026-11-29-device.md). Below, waking a thread per chunk shows;
  // above, four chunks leave the cache before they are read back.
  static constexpr std::size_t kDefaultChunkBytes = std::size_t{1} << 20;

  struct Options {
    int streams = 2;
    std::size_t chunk_bytes = kDefaultChunkBytes;
    int staging_threads = 1;  // the caller of a call is one of them
  };
  struct Call {
    Event* after = nullptr;
    // Read between chunks; true ends the call with ABORTED.
    const std::atomic<bool>* cancel = nullptr;
  };

  // Throws ARG_RANGE: streams outside 1 to 64, more threads than streams, chunks under a page or over a slab's most.
  Transfer(std::shared_ptr<Device> device, std::shared_ptr<PinnedPool> pool, const Options& options);
  // Waits for its copies.
  ~Transfer();
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  // Both record `ready`, and throw ARG_RANGE (null memory), POOL_EXHAUSTED (no staging memory), ABORTED, and the
  // device's errors.
  // Returns when all pageable sources have been read; pinned and registered ones must stay until `ready`.
  void to_device(std::span<const Copy> copies, Event& ready, const Call& call);
  void to_device(std::span<const Copy> copies, Event& ready) { to_device(copies, ready, Call{}); }
  // Returns when all pageable targets are written; pinned and registered ones are at `ready`.
  void to_host(std::span<const Copy> copies, Event& ready, const Call& call);
  void to_host(std::span<const Copy> copies, Event& ready) { to_host(copies, ready, Call{}); }
  // Either, for a worker thread: returns when everything is done.
  void copy_blocking(Direction direction, std::span<const Copy> copies, const Call& call);
  void copy_blocking(Direction direction, std::span<const Copy> copies) {
    copy_blocking(direction, copies, Call{});
  }

  // Work given to `stream` from now on starts after all copies given so far.
  void wait_on(Stream& stream);

  TransferStats stats() const;
  // Gives the staging memory back to the pinned pool, after waiting for the copies that use it.
  void trim();

  const Options& options() const noexcept { return options_; }

 private:
  struct Slot;
  struct Lane;
  struct Run;

  void run(Direction direction, std::span<const Copy> copies, Event& ready, const Call& call);
  void prepare(std::size_t staged_chunks);
  void give_direct(Run& run);
  void stage(Run& run, int thread);
  void fill_and_send(Run& run, Lane& lane, std::size_t chunk);
  void fetch(Run& run, Lane& lane, std::size_t chunk);
  void empty_slot(Run& run, Slot& slot);
  void join(Event& ready, const Call& call);
  void settle_all() noexcept;

  const std::shared_ptr<Device> device_;
  const std::shared_ptr<PinnedPool> pool_;
  const Options options_;
  ThreadPool threads_;
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::unique_ptr<Stream> joining_;  // runs nothing; its order is that of all lanes
  TransferStats stats_;              // guarded by stats_mutex_
  mutable std::mutex stats_mutex_;
};

}  // namespace flowstate::device
