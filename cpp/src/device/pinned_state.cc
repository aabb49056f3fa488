#include "device/pinned_state.h"

#include <cstring>

#include "device/poison.h"

namespace flowstate::device {
namespace {

std::uint32_t checked_slab_pages(const PinnedPool::Options& options) {
  if (options.slab_bytes < kPageBytes || options.slab_bytes > PinnedPool::kMostSlabBytes ||
      options.cap_bytes < kPageBytes) {
    throw Error(ErrorCode::ARG_RANGE, "a pinned pool needs slabs of " + std::to_string(kPageBytes) + " to " +
                                          std::to_string(PinnedPool::kMostSlabBytes) +
                                          " bytes and a cap of at least a page, got slabs of " +
                                          std::to_string(options.slab_bytes) + " and a cap of " +
                                          std::to_string(options.cap_bytes));
  }
  const std::size_t bytes = std::min(options.slab_bytes, options.cap_bytes);
  return static_cast<std::uint32_t>(bytes / kPageBytes);
}

}  // namespace

PinnedPool::State::State(std::shared_ptr<Device> on, const Options& asked)
    : device(std::move(on)),
      options(asked),
      slab_pages(checked_slab_pages(asked)),
      cap_pages(asked.cap_bytes / kPageBytes) {}

PinnedPool::State::~State() {
  for (const auto& slab : slabs) {
    if (!slab) continue;
    permit(slab->block.data, slab->shown.bytes);
    device->free_pinned(slab->block);
  }
}

std::uint32_t PinnedPool::State::pages_of(std::size_t bytes) const {
  const std::uint64_t most = std::min<std::uint64_t>(cap_pages, kMostSlabBytes / kPageBytes);
  if (bytes > most * kPageBytes) {
    throw Error(ErrorCode::ARG_RANGE,
                "a lease of this pool has at most " + std::to_string(most * kPageBytes) + " bytes, got " +
                    std::to_string(bytes),
                {{"bytes", static_cast<std::int64_t>(bytes)},
                 {"capBytes", static_cast<std::int64_t>(options.cap_bytes)}});
  }
  const std::uint64_t pages = std::max<std::uint64_t>(1, (bytes + kPageBytes - 1) / kPageBytes);
  const std::uint64_t rounded = round_to_class(pages);
  return static_cast<std::uint32_t>(rounded > slab_pages ? pages : rounded);
}

void PinnedPool::State::check_open() const {
  if (closed) throw Error(ErrorCode::CLOSED, "the pinned pool is closed");
}

bool PinnedPool::State::is_idle(std::uint32_t slot) const noexcept {
  return slabs[slot] && slabs[slot]->leases == 0 && slabs[slot]->holders == 0;
}

std::uint64_t PinnedPool::State::idle_pages() const noexcept {
  std::uint64_t pages = 0;
  for (std::uint32_t slot = 0; slot < slabs.size(); ++slot) {
    if (is_idle(slot)) pages += slabs[slot]->pages;
  }
  return pages;
}

bool PinnedPool::State::fits(std::uint32_t pages) const noexcept {
  if (ranges.has(pages)) return true;
  const std::uint64_t room = cap_pages - held_pages;
  return room >= pages || room + idle_pages() >= pages;
}

PinnedPool::Lease PinnedPool::State::take(Lock& lock, std::size_t bytes, std::uint32_t pages) {
  const std::optional<PageRanges::Place> place = ranges.take(pages);
  if (!place) return grow(lock, bytes, pages);
  ++counts.hits;
  return lease_of(*place, bytes, pages);
}

PinnedPool::Lease PinnedPool::State::grow(Lock& lock, std::size_t bytes, std::uint32_t pages) {
  for (std::uint32_t slot = 0; slot < slabs.size() && cap_pages - held_pages < pages; ++slot) {
    if (is_idle(slot)) free_slab(slot);
  }
  const auto wanted = static_cast<std::uint32_t>(
      std::max<std::uint64_t>(pages, std::min<std::uint64_t>(slab_pages, cap_pages - held_pages)));
  held_pages += wanted;
  counts.peak_held_bytes = std::max<std::size_t>(counts.peak_held_bytes, held_pages * kPageBytes);
  lock.unlock();
  auto slab = std::make_unique<Slab>();
  std::exception_ptr error;
  try {
    slab->block = device->allocate_pinned(std::size_t{wanted} * kPageBytes);
  } catch (...) {
    error = std::current_exception();
  }
  lock.lock();
  std::uint32_t slot = 0;
  if (!error) {
    try {
      check_open();
      slabs.reserve(slabs.size() + 1);
      slot = ranges.add(wanted, pages);
    } catch (...) {
      error = std::current_exception();
      device->free_pinned(slab->block);
    }
  }
  if (error) {
    held_pages -= wanted;
    std::rethrow_exception(error);
  }
  slab->shown = {next_slab_id++, static_cast<std::uint8_t*>(slab->block.data),
                 std::size_t{wanted} * kPageBytes, slab->block.page_locked};
  slab->pages = wanted;
  forbid(slab->shown.data, slab->shown.bytes);
  if (slot == slabs.size()) slabs.emplace_back();
  slabs[slot] = std::move(slab);
  ++counts.misses;
  return lease_of({slot, 0}, bytes, pages);
}

PinnedPool::Lease PinnedPool::State::lease_of(PageRanges::Place place, std::size_t bytes,
                                              std::uint32_t pages) {
  Slab& slab = *slabs[place.slab];
  ++slab.leases;
  ++counts.leases;
  lent_pages += pages;
  counts.peak_lent_bytes = std::max<std::size_t>(counts.peak_lent_bytes, lent_pages * kPageBytes);
  const std::size_t offset = std::size_t{place.page} * kPageBytes;
  std::uint8_t* const data = slab.shown.data + offset;
  permit(data, bytes);
  return Lease(shared_from_this(),
               {data, bytes, offset, next_generation++, slab.shown.id, place.slab, pages});
}

void PinnedPool::State::give(const Lease::Place& place) noexcept {
  if (options.on_return != OnReturn::kKeep) {
    std::memset(place.data, options.on_return == OnReturn::kZero ? 0 : kPoisonByte, place.bytes);
  }
  forbid(place.data, place.bytes);
  Lock lock(mutex);
  Slab& slab = *slabs[place.slot];
  --slab.leases;
  --counts.leases;
  lent_pages -= place.pages;
  ranges.give({place.slot, static_cast<std::uint32_t>(place.offset / kPageBytes)}, place.pages);
  if (closed && is_idle(place.slot)) free_slab(place.slot);
  serve(lock);
}

void PinnedPool::State::drop_holder(std::uint32_t slot) noexcept {
  Lock lock(mutex);
  --slabs[slot]->holders;
  if (closed && is_idle(slot)) free_slab(slot);
  serve(lock);
}

void PinnedPool::State::free_slab(std::uint32_t slot) noexcept {
  Slab& slab = *slabs[slot];
  ranges.remove(slot);
  permit(slab.shown.data, slab.shown.bytes);
  device->free_pinned(slab.block);
  held_pages -= slab.pages;
  slabs[slot].reset();
}

std::size_t PinnedPool::State::trim() noexcept {
  std::size_t bytes = 0;
  for (std::uint32_t slot = 0; slot < slabs.size(); ++slot) {
    if (!is_idle(slot)) continue;
    bytes += slabs[slot]->shown.bytes;
    free_slab(slot);
  }
  return bytes;
}

PinnedPool::Ticket PinnedPool::State::queue(std::size_t bytes, std::uint32_t pages, Callback callback,
                                            Meeting* meeting) {
  waiters.push_back({next_ticket, bytes, pages, std::move(callback), meeting});
  ++counts.waits;
  return next_ticket++;
}

std::list<PinnedPool::State::Waiter> PinnedPool::State::unqueue(Ticket ticket) noexcept {
  std::list<Waiter> found;
  const auto at = std::ranges::find(waiters, ticket, &Waiter::ticket);
  if (at != waiters.end()) found.splice(found.begin(), waiters, at);
  return found;
}

void PinnedPool::State::serve(Lock& lock) noexcept {
  while (!waiters.empty() && fits(waiters.front().pages)) {
    // Out of the queue before take(), which may drop the lock: from here on neither another thread nor cancel() can
    // have this waiter.
    std::list<Waiter> served;
    served.splice(served.begin(), waiters, waiters.begin());
    Waiter& waiter = served.front();
    Lease lease;
    std::exception_ptr error;
    try {
      lease = take(lock, waiter.bytes, waiter.pages);
    } catch (...) {
      error = std::current_exception();
    }
    deliver(waiter, std::move(lease), error);
  }
  run_deliveries(lock);
}

void PinnedPool::State::deliver(Waiter& waiter, Lease lease, std::exception_ptr error) noexcept {
  if (waiter.meeting != nullptr) {
    waiter.meeting->lease = std::move(lease);
    waiter.meeting->error = std::move(error);
    waiter.meeting->done = true;
    waiter.meeting->arrived.notify_one();
  } else {
    deliveries.push_back({std::move(waiter.callback), std::move(lease), std::move(error)});
  }
}

// One thread at a time runs callbacks, in the order of the queue. A callback that gives its lease back at once comes
// here again and finds it running, so a long queue is a loop and not a deep stack.
void PinnedPool::State::run_deliveries(Lock& lock) noexcept {
  if (!delivering) {
    delivering = true;
    while (!deliveries.empty()) {
      Delivery delivery = std::move(deliveries.front());
      deliveries.pop_front();
      lock.unlock();
      delivery.callback(std::move(delivery.lease), std::move(delivery.error));
      delivery.callback = nullptr;
      lock.lock();
    }
    delivering = false;
  }
  lock.unlock();
}

void PinnedPool::State::close() {
  Lock lock(mutex);
  if (closed) return;
  closed = true;
  const auto error = std::make_exception_ptr(Error(ErrorCode::CLOSED, "the pinned pool was closed"));
  while (!waiters.empty()) {
    deliver(waiters.front(), Lease(), error);
    waiters.pop_front();
  }
  trim();
  run_deliveries(lock);
}

Error PinnedPool::State::exhausted(std::size_t bytes, const std::string& why) const {
  const auto lent = static_cast<std::int64_t>(lent_pages * kPageBytes);
  const auto held = static_cast<std::int64_t>(held_pages * kPageBytes);
  return Error(ErrorCode::POOL_EXHAUSTED,
               "a pinned lease of " + std::to_string(bytes) + " bytes " + why + ": " + std::to_string(lent) +
                   " bytes are lent, the cap is " + std::to_string(options.cap_bytes) + "; release a lease",
               {{"bytes", static_cast<std::int64_t>(bytes)},
                {"lentBytes", lent},
                {"heldBytes", held},
                {"capBytes", static_cast<std::int64_t>(options.cap_bytes)}});
}

}  // namespace flowstate::device
