#include "flowstate/io/duck_api.h"

#include <dlfcn.h>

#include "flowstate/error.h"

namespace flowstate::io::duck {

namespace {

template <typename Function>
void resolve(void* library, const char* name, Function& target) {
  void* symbol = dlsym(library, name);
  if (symbol == nullptr) {
    throw Error(ErrorCode::ADDON_UNAVAILABLE, std::string("libduckdb has no function ") + name);
  }
  target = reinterpret_cast<Function>(symbol);
}

}  // namespace

Api load(const std::string& library_path) {
  // Never closed: DuckDB's threads and statics outlive any one environment.
  // Lazily bound: a run calls a few hundred of the library's tens of thousands of functions, and binding all of them
  // takes 15 ms. The functions named here are looked up at once.
  void* library = dlopen(library_path.c_str(), RTLD_LAZY | RTLD_LOCAL);
  if (library == nullptr) {
    const char* reason = dlerror();
    throw Error(ErrorCode::ADDON_UNAVAILABLE,
                "libduckdb cannot be loaded: " + std::string(reason == nullptr ? library_path : reason));
  }
  Api api;
#define FS_DUCK_RESOLVE(name, result, arguments) resolve(library, "duckdb_" #name, api.name);
  FS_DUCK_FUNCTIONS(FS_DUCK_RESOLVE)
#undef FS_DUCK_RESOLVE
  return api;
}

}  // namespace flowstate::io::duck
