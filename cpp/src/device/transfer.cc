#include "flowstate/device/transfer.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <exception>
#include <string>

#include "device/settle.h"
#include "device/streaming_copy.h"
#include "device/transfer_plan.h"

namespace flowstate::device {
namespace {

constexpr int kMostStreams = 64;
constexpr std::size_t kSlots = 2;  // per stream: one on the wire, one being filled

std::uint64_t ns_since(std::chrono::steady_clock::time_point start) {
  return static_cast<std::uint64_t>((std::chrono::steady_clock::now() - start).count());
}

Transfer::Options checked(const Transfer::Options& options) {
  if (options.streams < 1 || options.streams > kMostStreams || options.staging_threads < 1 ||
      options.staging_threads > options.streams || options.chunk_bytes < kPageBytes ||
      options.chunk_bytes > PinnedPool::kMostSlabBytes) {
    throw Error(
        ErrorCode::ARG_RANGE,
        "a transfer needs 1 to 64 streams, 1 thread to one per stream, and chunks of a page to 4 GiB; got " +
            std::to_string(options.streams) + " streams, " + std::to_string(options.staging_threads) +
            " threads, chunks of " + std::to_string(options.chunk_bytes) + " bytes");
  }
  return options;
}

}  // namespace

// A pinned chunk and the event behind its last copy.
struct Transfer::Slot {
  PinnedPool::Lease lease;
  std::unique_ptr<Event> event;
  const Chunk* arriving = nullptr;  // to the host: what the event brings
};

// A stream and its chunks. Within a call one thread has it.
struct Transfer::Lane {
  std::unique_ptr<Stream> stream;
  std::unique_ptr<Event> end;
  Slot slots[kSlots];
  std::size_t turn = 0;
  bool used = false;  // in this call

  Slot& next_slot() noexcept { return slots[turn++ % kSlots]; }
};

// One call.
struct Transfer::Run {
  Direction direction;
  const TransferPlan& plan;
  const Call& call;
  std::atomic<std::size_t> next_chunk{0};
  std::atomic<bool> failed{false};
  std::mutex mutex{};  // guards the rest
  std::exception_ptr error{};
  TransferStats counts{};

  // Throws ABORTED; false when another thread has failed.
  bool goes_on() const {
    if (call.cancel != nullptr && call.cancel->load(std::memory_order_relaxed)) {
      throw Error(ErrorCode::ABORTED, "the transfer was aborted");
    }
    return !failed.load(std::memory_order_relaxed);
  }
  void fail() noexcept {
    const std::lock_guard lock(mutex);
    if (!error) error = std::current_exception();
    failed.store(true, std::memory_order_relaxed);
  }
  void send(Lane& lane, void* device, void* host, std::size_t bytes) {
    if (direction == Direction::kToDevice) {
      lane.stream->copy_to_device(device, host, bytes);
    } else {
      lane.stream->copy_to_host(host, device, bytes);
    }
    lane.used = true;
  }
  // The copies between a staged chunk and the device, one for pieces that join.
  std::size_t send_chunk(Lane& lane, std::uint8_t* data, const Chunk& chunk) {
    const std::span<const Piece> all = pieces(chunk);
    std::size_t copies = 0;
    for (std::size_t i = 0; i < all.size(); ++copies) {
      const Piece& first = all[i];
      std::size_t end = first.offset + first.bytes;
      for (++i; i < all.size() && all[i].joins; ++i) end = all[i].offset + all[i].bytes;
      send(lane, first.device, data + first.offset, end - first.offset);
    }
    return copies;
  }
  std::span<const Piece> pieces(const Chunk& chunk) const {
    return std::span(plan.staged).subspan(chunk.first_piece, chunk.pieces);
  }
};

Transfer::Transfer(std::shared_ptr<Device> device, std::shared_ptr<PinnedPool> pool, const Options& options)
    : device_(std::move(device)),
      pool_(std::move(pool)),
      options_(checked(options)),
      threads_(options.staging_threads) {
  lanes_.resize(static_cast<std::size_t>(options.streams));
}

Transfer::~Transfer() { settle_all(); }

void Transfer::to_device(std::span<const Copy> copies, Event& ready, const Call& call) {
  run(Direction::kToDevice, copies, ready, call);
}

void Transfer::to_host(std::span<const Copy> copies, Event& ready, const Call& call) {
  run(Direction::kToHost, copies, ready, call);
}

void Transfer::copy_blocking(Direction direction, std::span<const Copy> copies, const Call& call) {
  const std::unique_ptr<Event> ready = device_->create_event();
  run(direction, copies, *ready, call);
  ready->synchronize();
}

void Transfer::run(Direction direction, std::span<const Copy> copies, Event& ready, const Call& call) {
  const TransferPlan plan = plan_transfer(*device_, direction, copies, options_);
  const std::lock_guard lock(mutex_);
  Run run{direction, plan, call};
  try {
    prepare(plan.chunks.size());
    if (call.after != nullptr) {
      for (const auto& lane : lanes_) lane->stream->wait(*call.after);
    }
    give_direct(run);
    if (!plan.chunks.empty()) {
      const auto threads = static_cast<std::int64_t>(
          std::min(static_cast<std::size_t>(options_.staging_threads), plan.chunks.size()));
      threads_.parallel_for(threads, [&](std::int64_t thread, int) { stage(run, static_cast<int>(thread)); });
    }
    if (!run.failed) join(ready, call);
  } catch (...) {
    run.fail();
  }
  if (run.failed) settle_all();
  const std::lock_guard stats_lock(stats_mutex_);
  stats_.staged_chunks += run.counts.staged_chunks;
  stats_.device_copies += run.counts.device_copies;
  stats_.staging_ns += run.counts.staging_ns;
  stats_.waiting_ns += run.counts.waiting_ns;
  if (run.failed) {
    ++stats_.failed_calls;
    std::rethrow_exception(run.error);
  }
  (direction == Direction::kToDevice ? stats_.to_device_bytes : stats_.to_host_bytes) +=
      plan.pageable_bytes + plan.pinned_bytes + plan.registered_bytes;
  stats_.pageable_bytes += plan.pageable_bytes;
  stats_.pinned_bytes += plan.pinned_bytes;
  stats_.registered_bytes += plan.registered_bytes;
}

// Streams that failed in an earlier call's work are replaced: a failure stays with its stream.
void Transfer::prepare(std::size_t staged_chunks) {
  const auto check = [&](std::unique_ptr<Stream>& stream) {
    try {
      if (stream) stream->is_idle();
    } catch (...) {
      settle_all();
    }
  };
  for (auto& lane : lanes_) {
    if (lane) check(lane->stream);
  }
  check(joining_);
  if (!joining_) joining_ = device_->create_stream();
  for (auto& lane : lanes_) {
    if (!lane) lane = std::make_unique<Lane>();
    if (!lane->stream) lane->stream = device_->create_stream();
    if (!lane->end) lane->end = device_->create_event();
    lane->used = false;
  }
  // A thread may come to take all chunks: each gets slots for that, in the order in which it would use them.
  const auto threads = static_cast<std::size_t>(options_.staging_threads);
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    const std::size_t lanes_of_thread = (lanes_.size() - i % threads + threads - 1) / threads;
    for (std::size_t turn = 0; turn < kSlots; ++turn) {
      Slot& slot = lanes_[i]->slots[turn];
      if (turn * lanes_of_thread + i / threads >= staged_chunks) break;
      if (!slot.event) slot.event = device_->create_event();
      if (!slot.lease) slot.lease = pool_->lend(options_.chunk_bytes);
    }
  }
}

void Transfer::give_direct(Run& run) {
  std::size_t turn = 0;
  for (const Piece& piece : run.plan.direct) {
    if (!run.goes_on()) return;
    run.send(*lanes_[turn++ % lanes_.size()], piece.device, piece.host, piece.bytes);
    ++run.counts.device_copies;
  }
}

// Thread t of T has lanes t, t + T, ...: it takes the next chunk of the call for each in turn.
void Transfer::stage(Run& run, int thread) {
  std::vector<Lane*> lanes;
  for (auto i = static_cast<std::size_t>(thread); i < lanes_.size();
       i += static_cast<std::size_t>(options_.staging_threads)) {
    for (Slot& slot : lanes_[i]->slots) slot.arriving = nullptr;
    lanes_[i]->turn = 0;
    lanes.push_back(lanes_[i].get());
  }
  try {
    std::size_t turn = 0;
    for (;; ++turn) {
      if (!run.goes_on()) return;
      const std::size_t chunk = run.next_chunk.fetch_add(1);
      if (chunk >= run.plan.chunks.size()) break;
      Lane& lane = *lanes[turn % lanes.size()];
      if (run.direction == Direction::kToDevice) {
        fill_and_send(run, lane, chunk);
      } else {
        fetch(run, lane, chunk);
      }
    }
    // What is still arriving, in the order in which it was asked for.
    for (std::size_t i = 0; i < kSlots * lanes.size(); ++i, ++turn) {
      if (!run.goes_on()) return;
      Slot& slot = lanes[turn % lanes.size()]->next_slot();
      if (slot.arriving != nullptr) empty_slot(run, slot);
    }
  } catch (...) {
    run.fail();
  }
}

void Transfer::fill_and_send(Run& run, Lane& lane, std::size_t index) {
  const Chunk& chunk = run.plan.chunks[index];
  Slot& slot = lane.next_slot();
  const auto start = std::chrono::steady_clock::now();
  slot.event->synchronize();  // the copy that last read this chunk
  const std::uint64_t waited = ns_since(start);
  const auto staging = std::chrono::steady_clock::now();
  std::size_t end = 0;
  for (const Piece& piece : run.pieces(chunk)) {
    if (piece.joins) std::memset(slot.lease.data() + end, 0, piece.offset - end);
    std::memcpy(slot.lease.data() + piece.offset, piece.host, piece.bytes);
    end = piece.offset + piece.bytes;
  }
  const std::uint64_t staged = ns_since(staging);
  const std::size_t copies = run.send_chunk(lane, slot.lease.data(), chunk);
  lane.stream->record(*slot.event);
  const std::lock_guard lock(run.mutex);
  ++run.counts.staged_chunks;
  run.counts.device_copies += copies;
  run.counts.staging_ns += staged;
  run.counts.waiting_ns += waited;
}

void Transfer::fetch(Run& run, Lane& lane, std::size_t index) {
  const Chunk& chunk = run.plan.chunks[index];
  Slot& slot = lane.next_slot();
  if (slot.arriving != nullptr) {
    empty_slot(run, slot);
  } else {
    slot.event->synchronize();  // an earlier call's copy out of this chunk
  }
  const std::size_t copies = run.send_chunk(lane, slot.lease.data(), chunk);
  lane.stream->record(*slot.event);
  slot.arriving = &chunk;
  const std::lock_guard lock(run.mutex);
  ++run.counts.staged_chunks;
  run.counts.device_copies += copies;
}

void Transfer::empty_slot(Run& run, Slot& slot) {
  const auto start = std::chrono::steady_clock::now();
  slot.event->synchronize();
  const std::uint64_t waited = ns_since(start);
  const auto staging = std::chrono::steady_clock::now();
  const bool streams = run.plan.pageable_bytes >= 8 * kLeastStreamed;
  for (const Piece& piece : run.pieces(*slot.arriving)) {
    const std::uint8_t* const from = slot.lease.data() + piece.offset;
    if (streams) {
      copy_streaming(piece.host, from, piece.bytes);
    } else {
      std::memcpy(piece.host, from, piece.bytes);
    }
  }
  slot.arriving = nullptr;
  const std::uint64_t staged = ns_since(staging);
  const std::lock_guard lock(run.mutex);
  run.counts.staging_ns += staged;
  run.counts.waiting_ns += waited;
}

void Transfer::join(Event& ready, const Call& call) {
  std::vector<Lane*> used;
  for (const auto& lane : lanes_) {
    if (lane->used) used.push_back(lane.get());
  }
  if (used.size() == 1) {
    used[0]->stream->record(ready);
    return;
  }
  if (used.empty() && call.after != nullptr) joining_->wait(*call.after);
  for (Lane* const lane : used) {
    lane->stream->record(*lane->end);
    joining_->wait(*lane->end);
  }
  joining_->record(ready);
}

void Transfer::wait_on(Stream& stream) {
  const std::lock_guard lock(mutex_);
  for (const auto& lane : lanes_) {
    if (!lane || !lane->stream) continue;
    lane->stream->record(*lane->end);
    stream.wait(*lane->end);
  }
}

// Everything in flight ends, and with it the streams and events, which may carry a failure; staging memory stays.
void Transfer::settle_all() noexcept {
  for (const auto& lane : lanes_) {
    if (!lane) continue;
    if (lane->stream) settle(*lane->stream);
    lane->stream.reset();
    lane->end.reset();
    for (Slot& slot : lane->slots) slot.event.reset();
  }
  if (joining_) settle(*joining_);
  joining_.reset();
}

TransferStats Transfer::stats() const {
  const std::lock_guard lock(stats_mutex_);
  return stats_;
}

void Transfer::trim() {
  std::vector<PinnedPool::Lease>
      leases;  // end without the lock: that may run callbacks of the pool's waiters
  const std::lock_guard lock(mutex_);
  for (const auto& lane : lanes_) {
    if (!lane) continue;
    if (lane->stream) settle(*lane->stream);
    for (Slot& slot : lane->slots) leases.push_back(std::move(slot.lease));
  }
}

}  // namespace flowstate::device
