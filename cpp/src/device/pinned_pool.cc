#include "flowstate/device/pinned_pool.h"

#include "device/pinned_state.h"

namespace flowstate::device {
namespace {

// How often a waiting lend_wait() looks at its cancel flag.
constexpr std::chrono::milliseconds kLook{5};

}  // namespace

void PinnedPool::Lease::release() noexcept {
  if (!state_) return;
  const std::shared_ptr<State> state = std::move(state_);
  const Place place = std::exchange(place_, Place{});
  state->give(place);
}

PinnedPool::PinnedPool(std::shared_ptr<Device> device, const Options& options)
    : state_(std::make_shared<State>(std::move(device), options)) {}

PinnedPool::~PinnedPool() { state_->close(); }

std::optional<PinnedPool::Lease> PinnedPool::try_lend(std::size_t bytes) {
  State& state = *state_;
  const std::uint32_t pages = state.pages_of(bytes);
  State::Lock lock(state.mutex);
  state.check_open();
  if (!state.waiters.empty() || !state.fits(pages)) {
    ++state.counts.refused;
    return std::nullopt;
  }
  try {
    return state.take(lock, bytes, pages);
  } catch (...) {
    // The bytes that were set aside for the slab are free again.
    state.serve(lock);
    throw;
  }
}

PinnedPool::Lease PinnedPool::lend(std::size_t bytes) {
  std::optional<Lease> lease = try_lend(bytes);
  if (lease) return std::move(*lease);
  const State::Lock lock(state_->mutex);
  throw state_->exhausted(bytes, "does not fit");
}

PinnedPool::Lease PinnedPool::lend_wait(std::size_t bytes, std::chrono::nanoseconds timeout,
                                        const std::atomic<bool>* cancel) {
  State& state = *state_;
  const std::uint32_t pages = state.pages_of(bytes);
  State::Meeting meeting;
  State::Lock lock(state.mutex);
  state.check_open();
  if (state.waiters.empty() && state.fits(pages)) {
    try {
      return state.take(lock, bytes, pages);
    } catch (...) {
      state.serve(lock);
      throw;
    }
  }
  const Ticket ticket = state.queue(bytes, pages, nullptr, &meeting);
  const auto now = std::chrono::steady_clock::now();
  const auto longest = std::chrono::steady_clock::time_point::max() - now;
  const auto until = timeout < longest ? now + timeout : std::chrono::steady_clock::time_point::max();
  while (!meeting.done) {
    const bool cancelled = cancel != nullptr && cancel->load();
    // Taken out of the queue by another thread just now, it gets its lease (or error) all the same.
    if ((cancelled || std::chrono::steady_clock::now() >= until) && !state.unqueue(ticket).empty()) {
      if (!cancelled) ++state.counts.refused;
      const Error error = cancelled ? Error(ErrorCode::ABORTED, "the wait for a pinned lease was aborted")
                                    : state.exhausted(bytes, "did not become free in time");
      state.serve(lock);  // whoever was behind
      throw error;
    }
    meeting.arrived.wait_until(
        lock, cancel == nullptr ? until : std::min(until, std::chrono::steady_clock::now() + kLook));
  }
  lock.unlock();
  if (meeting.error) std::rethrow_exception(meeting.error);
  return std::move(meeting.lease);
}

PinnedPool::Ticket PinnedPool::lend_async(std::size_t bytes, Callback callback) {
  State& state = *state_;
  const std::uint32_t pages = state.pages_of(bytes);
  State::Lock lock(state.mutex);
  state.check_open();
  if (!state.waiters.empty() || !state.fits(pages)) {
    return state.queue(bytes, pages, std::move(callback), nullptr);
  }
  Lease lease;
  std::exception_ptr error;
  try {
    lease = state.take(lock, bytes, pages);
  } catch (...) {
    error = std::current_exception();
  }
  if (error) {
    state.serve(lock);
  } else {
    lock.unlock();
  }
  callback(std::move(lease), std::move(error));
  return 0;
}

bool PinnedPool::cancel(Ticket ticket) {
  std::list<State::Waiter> found;
  State::Lock lock(state_->mutex);
  found = state_->unqueue(ticket);
  if (found.empty()) return false;
  state_->serve(lock);  // whoever was behind
  return true;
}

PinnedPoolStats PinnedPool::stats() const {
  const State::Lock lock(state_->mutex);
  PinnedPoolStats stats = state_->counts;
  for (const auto& slab : state_->slabs) stats.slabs += slab != nullptr;
  stats.waiting = state_->waiters.size();
  stats.lent_bytes = state_->lent_pages * kPageBytes;
  stats.held_bytes = state_->held_pages * kPageBytes;
  return stats;
}

std::vector<PinnedPool::SlabInfo> PinnedPool::slabs() const {
  const State::Lock lock(state_->mutex);
  std::vector<SlabInfo> all;
  for (const auto& slab : state_->slabs) {
    if (slab) all.push_back({slab->shown, slab->leases, slab->holders != 0});
  }
  return all;
}

std::shared_ptr<const PinnedSlab> PinnedPool::hold_slab(std::uint32_t id) {
  const State::Lock lock(state_->mutex);
  for (std::uint32_t slot = 0; slot < state_->slabs.size(); ++slot) {
    State::Slab* const slab = state_->slabs[slot].get();
    if (slab == nullptr || slab->shown.id != id) continue;
    std::shared_ptr<State::Holder> held = slab->reference.lock();
    if (!held) {
      held = std::make_shared<State::Holder>();
      held->shown = slab->shown;
      held->slot = slot;
      held->state = state_;
      slab->reference = held;
      ++slab->holders;
    }
    return {held, &held->shown};
  }
  return nullptr;
}

std::size_t PinnedPool::trim() {
  State::Lock lock(state_->mutex);
  const std::size_t bytes = state_->trim();
  state_->serve(lock);
  return bytes;
}

void PinnedPool::close() { state_->close(); }

const PinnedPool::Options& PinnedPool::options() const noexcept { return state_->options; }
Device& PinnedPool::device() const noexcept { return *state_->device; }

}  // namespace flowstate::device
