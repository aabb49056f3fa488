// pinnedOpen … pinnedClose: pinned memory. TypeScript (lib/device/slab-views.ts) decides when an ended lease's pages
// return to the pool: not before no view of their slab is left.
#include <memory>
#include <utility>

#include "binding/addon_data.h"
#include "binding/device_session.h"
#include "binding/external.h"
#include "binding/guard.h"
#include "binding/marshal.h"

namespace flowstate::binding {

namespace {

using device::PinnedPool;

std::shared_ptr<PinnedPool> pool_of(const Napi::CallbackInfo& info) {
  return shared_of<PinnedPool>(info[0], "a pinned pool");
}

// pinnedOpen(device, { slabBytes, capBytes, onReturn }): pool
Napi::Value pinned_open(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const auto session = shared_of<DeviceSession>(info[0], "a device");
    session->require_open();
    const Napi::Object options = info[1].As<Napi::Object>();
    PinnedPool::Options parsed;
    parsed.slab_bytes = static_cast<std::size_t>(get_int(options, "slabBytes"));
    parsed.cap_bytes = static_cast<std::size_t>(get_int(options, "capBytes"));
    const std::int64_t on_return = get_int(options, "onReturn");
    if (on_return < 0 || on_return > 2) throw Error(ErrorCode::ARG_RANGE, "native pool: unknown onReturn");
    parsed.on_return = static_cast<PinnedPool::OnReturn>(on_return);
    return to_external(info.Env(), std::make_shared<PinnedPool>(session->device, parsed));
  });
}

// pinnedTryLend(pool, bytes): { lease, slab, offset, bytes, pageLocked } or null
Napi::Value pinned_try_lend(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const auto pool = pool_of(info);
    const double bytes = info[1].As<Napi::Number>().DoubleValue();
    if (!(bytes >= 0)) throw Error(ErrorCode::ARG_RANGE, "native pool: bytes must be a whole number from 0");
    const std::size_t before = pool->stats().lent_bytes;
    auto lease = pool->try_lend(static_cast<std::size_t>(bytes));
    if (!lease) return info.Env().Null();
    const auto held = std::make_shared<PinnedPool::Lease>(std::move(*lease));
    const auto slab = pool->hold_slab(held->slab_id());
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("slab", static_cast<double>(held->slab_id()));
    result.Set("offset", static_cast<double>(held->offset()));
    result.Set("bytes", static_cast<double>(pool->stats().lent_bytes - before));
    result.Set("pageLocked", slab && slab->page_locked);
    result.Set("lease", to_external(info.Env(), held));
    return result;
  });
}

// pinnedRelease(lease): void, idempotent
Napi::Value pinned_release(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    shared_of<PinnedPool::Lease>(info[0], "a pinned lease")->release();
    return info.Env().Undefined();
  });
}

// JavaScript's reference to a slab. Ends when the buffer is detached, not when it is finalized: that may be a turn of
// the event loop later, and until then the pool could not give the slab back.
struct SlabHold {
  std::shared_ptr<const device::PinnedSlab> slab;
};
struct EndOfHold {
  explicit EndOfHold(std::shared_ptr<SlabHold> of) : hold(std::move(of)) {}
  EndOfHold(const EndOfHold&) = delete;
  EndOfHold& operator=(const EndOfHold&) = delete;
  std::shared_ptr<SlabHold> hold;
  ~EndOfHold() { hold->slab.reset(); }
};

// pinnedSlab(pool, slab): { buffer, hold }. Throws ADDON_UNAVAILABLE where the runtime forbids external memory: a copy
// would not be pinned.
Napi::Value pinned_slab(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const Napi::Env env = info.Env();
    const auto slab = pool_of(info)->hold_slab(info[1].As<Napi::Number>().Uint32Value());
    if (!slab) throw Error(ErrorCode::ARG_RANGE, "native pool: there is no such slab");
    const auto hold = std::make_shared<SlabHold>(SlabHold{slab});
    Napi::Value buffer = external_buffer(env, slab->data, slab->bytes, std::make_unique<EndOfHold>(hold));
    Napi::Object result = Napi::Object::New(env);
    result.Set("buffer", buffer);
    result.Set("hold", to_external(env, hold));
    return result;
  });
}

// pinnedUnmap(hold, buffer): void. Detaches the slab's buffer and ends JavaScript's hold on the slab.
Napi::Value pinned_unmap(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const auto hold = shared_of<SlabHold>(info[0], "a slab");
    if (!info[1].IsArrayBuffer()) throw Error(ErrorCode::ARG_TYPE, "native pool: expected an ArrayBuffer");
    Napi::ArrayBuffer buffer = info[1].As<Napi::ArrayBuffer>();
    // A slab is let go only without a view of it left behind.
    if (hold->slab && buffer.Data() != hold->slab->data) {
      throw Error(ErrorCode::DETACHED, "native pool: the buffer is not the slab's own");
    }
    buffer.Detach();
    hold->slab.reset();
    return info.Env().Undefined();
  });
}

// pinnedStats(pool)
Napi::Value pinned_stats(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const device::PinnedPoolStats stats = pool_of(info)->stats();
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("hits", static_cast<double>(stats.hits));
    result.Set("misses", static_cast<double>(stats.misses));
    result.Set("slabs", static_cast<double>(stats.slabs));
    result.Set("leases", static_cast<double>(stats.leases));
    result.Set("lentBytes", static_cast<double>(stats.lent_bytes));
    result.Set("heldBytes", static_cast<double>(stats.held_bytes));
    result.Set("peakLentBytes", static_cast<double>(stats.peak_lent_bytes));
    result.Set("peakHeldBytes", static_cast<double>(stats.peak_held_bytes));
    return result;
  });
}

// pinnedTrim(pool): number
Napi::Value pinned_trim(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    return Napi::Number::New(info.Env(), static_cast<double>(pool_of(info)->trim()));
  });
}

// pinnedClose(pool): void, idempotent
Napi::Value pinned_close(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    pool_of(info)->close();
    return info.Env().Undefined();
  });
}

}  // namespace

void register_pinned(Napi::Env env, Napi::Object exports) {
  const auto set = [&](const char* name, Napi::Value (*function)(const Napi::CallbackInfo&)) {
    exports.Set(name, Napi::Function::New(env, function, name));
  };
  set("pinnedOpen", pinned_open);
  set("pinnedTryLend", pinned_try_lend);
  set("pinnedRelease", pinned_release);
  set("pinnedSlab", pinned_slab);
  set("pinnedUnmap", pinned_unmap);
  set("pinnedStats", pinned_stats);
  set("pinnedTrim", pinned_trim);
  set("pinnedClose", pinned_close);
}

}  // namespace flowstate::binding
