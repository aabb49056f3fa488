// What a join says of itself, wherever its tables lie: statistics of a stream, and phases with their times and bytes.
#pragma once

#include "binding/napi_setup.h"
#include "flowstate/asof/join.h"

namespace flowstate::binding {

inline Napi::Object stats_to_js(Napi::Env env, const asof::StreamStats& from) {
  Napi::Object stats = Napi::Object::New(env);
  stats.Set("rows", static_cast<double>(from.rows));
  stats.Set("matched", static_cast<double>(from.matched));
  stats.Set("noCandidate", static_cast<double>(from.no_candidate));
  stats.Set("toleranceExceeded", static_cast<double>(from.tolerance_exceeded));
  stats.Set("rightRows", static_cast<double>(from.right_rows));
  return stats;
}

template <typename Phases>
Napi::Array phases_to_js(Napi::Env env, const Phases& phases) {
  Napi::Array list = Napi::Array::New(env);
  for (const auto& phase : phases) {
    Napi::Object item = Napi::Object::New(env);
    item.Set("name", phase.name);
    item.Set("ns", static_cast<double>(phase.ns));
    item.Set("bytes", static_cast<double>(phase.bytes));
    list.Set(list.Length(), item);
  }
  return list;
}

}  // namespace flowstate::binding
