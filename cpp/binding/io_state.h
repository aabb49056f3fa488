// The loaded libduckdb engines of one environment, shared by the functions that scan and write.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "binding/marshal.h"
#include "flowstate/io/scan.h"

namespace flowstate::binding {

struct IoState {
  std::map<std::string, std::shared_ptr<io::DuckEngine>> engines;

  // A connection, to be opened where waiting is allowed, of the engine that `library` and `threads` name.
  std::unique_ptr<io::ScanConnection> connect(const Napi::Object& request) {
    const std::string library = get_string(request, "library");
    auto found = engines.find(library);
    if (found == engines.end()) {
      found = engines.emplace(library, std::make_shared<io::DuckEngine>(library)).first;
    }
    return std::make_unique<io::ScanConnection>(found->second, static_cast<int>(get_int(request, "threads")));
  }
};

void register_copy(Napi::Env env, Napi::Object exports, const std::shared_ptr<IoState>& state);

}  // namespace flowstate::binding
