// poolOpen … poolStats: slabs of a SlabPool as ArrayBuffers.
//
// A slab's ArrayBuffer is detached before the slab goes back to the pool, so that no view of it can show what the next
// holder writes. Each lending makes a new ArrayBuffer over the same memory. Where JavaScript drops a buffer without
// giving it back, its finalizer does.
#include <memory>
#include <utility>

#include "binding/addon_data.h"
#include "binding/external.h"
#include "binding/guard.h"
#include "binding/marshal.h"
#include "flowstate/memory/slab_pool.h"

namespace flowstate::binding {

namespace {

// Shared by the JavaScript lease and the ArrayBuffer's finalizer: whichever comes first returns the slab. Both run on
// the JavaScript thread.
struct Held {
  SlabPool::Lease lease;
};
struct GiveBack {
  explicit GiveBack(std::shared_ptr<Held> of) : held(std::move(of)) {}
  ~GiveBack() { held->lease.release(); }
  GiveBack(const GiveBack&) = delete;
  GiveBack& operator=(const GiveBack&) = delete;
  std::shared_ptr<Held> held;
};
using PoolExternal = Napi::External<std::shared_ptr<SlabPool>>;
using LeaseExternal = Napi::External<std::shared_ptr<Held>>;

template <typename External>
auto& external_of(const Napi::CallbackInfo& info) {
  if (info.Length() < 1 || !info[0].IsExternal())
    throw Error(ErrorCode::ARG_TYPE, "native pool: expected a handle");
  return **info[0].As<External>().Data();
}

// poolOpen({ slabBytes, slabs, zeroOnReturn }): pool
Napi::Value pool_open(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    if (info.Length() < 1 || !info[0].IsObject())
      throw Error(ErrorCode::ARG_TYPE, "native pool: expected options");
    const Napi::Object options = info[0].As<Napi::Object>();
    const std::int64_t slab_bytes = get_int(options, "slabBytes");
    const std::int64_t slabs = get_int(options, "slabs");
    if (slab_bytes < 1 || slabs < 1) throw Error(ErrorCode::ARG_RANGE, "native pool: sizes must be positive");
    return to_external(info.Env(), std::make_shared<SlabPool>(SlabPool::Options{
                                       static_cast<std::size_t>(slab_bytes), static_cast<std::size_t>(slabs),
                                       get_bool(options, "zeroOnReturn")}));
  });
}

// poolLend(pool): { lease, buffer }, or null when all are lent. Throws ADDON_UNAVAILABLE where the runtime forbids
// external memory.
Napi::Value pool_lend(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const Napi::Env env = info.Env();
    auto lease = external_of<PoolExternal>(info).try_lend();
    if (!lease) return env.Null();
    const auto held = std::make_shared<Held>(Held{std::move(*lease)});
    Napi::Value buffer =
        external_buffer(env, held->lease.data(), held->lease.size(), std::make_unique<GiveBack>(held));
    Napi::Object result = Napi::Object::New(env);
    result.Set("lease", to_external(env, held));
    result.Set("buffer", buffer);
    return result;
  });
}

// poolReturn(lease, buffer): void, idempotent
Napi::Value pool_return(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    Held& held = external_of<LeaseExternal>(info);
    if (!held.lease) return info.Env().Undefined();
    if (info.Length() < 2 || !info[1].IsArrayBuffer()) {
      throw Error(ErrorCode::ARG_TYPE, "native pool: expected the slab's buffer");
    }
    Napi::ArrayBuffer buffer = info[1].As<Napi::ArrayBuffer>();
    // A slab goes back only without a view of it left behind.
    if (buffer.Data() != held.lease.data()) {
      throw Error(ErrorCode::DETACHED, "native pool: the buffer is not the lease's own");
    }
    buffer.Detach();
    held.lease.release();
    return info.Env().Undefined();
  });
}

// poolStats(pool): { slabs, slabBytes, inUse, peak, lent, refused }
Napi::Value pool_stats(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const SlabPoolStats stats = external_of<PoolExternal>(info).stats();
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("slabs", static_cast<double>(stats.slabs));
    result.Set("slabBytes", static_cast<double>(stats.slab_bytes));
    result.Set("inUse", static_cast<double>(stats.in_use));
    result.Set("peak", static_cast<double>(stats.peak));
    result.Set("lent", static_cast<double>(stats.lent));
    result.Set("refused", static_cast<double>(stats.refused));
    return result;
  });
}

}  // namespace

void register_pool(Napi::Env env, Napi::Object exports) {
  exports.Set("poolOpen", Napi::Function::New(env, pool_open, "poolOpen"));
  exports.Set("poolLend", Napi::Function::New(env, pool_lend, "poolLend"));
  exports.Set("poolReturn", Napi::Function::New(env, pool_return, "poolReturn"));
  exports.Set("poolStats", Napi::Function::New(env, pool_stats, "poolStats"));
}

}  // namespace flowstate::binding
