// What a plugin of ONNX Runtime looks like to the loader: it exports CreateEpFactories. It offers no device, or refuses
// with a message, as FS_FAKE_EP says.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

struct ApiBase {
  const void* const* (*get_api)(std::uint32_t);
  const char* (*get_version_string)();
};

extern "C" {

void* CreateEpFactories(const char*, const ApiBase* base, const void*, void**, std::size_t,
                        std::size_t* count) {
  *count = 0;
  if (std::getenv("FS_FAKE_EP") == nullptr) return nullptr;
  using CreateStatus = void* (*)(int, const char*);
  return reinterpret_cast<CreateStatus>(const_cast<void*>(base->get_api(24)[0]))(1,
                                                                                 "the fake provider refuses");
}

void* ReleaseEpFactory(void*) { return nullptr; }
}
