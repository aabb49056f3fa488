#include <catch2/catch.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "runtime.h"

namespace flowstate::tensor::ort::test {

namespace {

namespace fs = std::filesystem;

struct Folder {
  fs::path path = fs::temp_directory_path() / ("flowstate-onnx-" + std::to_string(std::rand()));
  Folder() { fs::create_directories(path); }
  ~Folder() { fs::remove_all(path); }
  std::string file(const char* name, const std::string& content) const {
    std::ofstream(path / name, std::ios::binary) << content;
    return path / name;
  }
};

SessionSettings cuda_settings(const std::string& library) {
  static int stream = 0;
  SessionSettings settings;
  settings.providers = {{Provider::Kind::kCuda, {}, library}};
  settings.cuda = {0, &stream};
  return settings;
}

}  // namespace

TEST_CASE("a library's exports are read from its file") {
  CHECK(exports_symbol(FS_ORT_LIBRARY, "OrtGetApiBase"));
  CHECK_FALSE(exports_symbol(FS_ORT_LIBRARY, "CreateEpFactories"));
  CHECK_FALSE(exports_symbol(FS_ORT_LIBRARY, "malloc"));  // it only needs that one
  CHECK(exports_symbol(FS_FAKE_EP, "CreateEpFactories"));
  const Folder folder;
  CHECK_FALSE(exports_symbol(folder.path / "missing", "x"));
  CHECK_FALSE(exports_symbol(folder.file("text", "no library at all"), "x"));
  // Cut anywhere: damage is no crash.
  std::ifstream file(FS_FAKE_EP, std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  for (std::size_t size = 0; size < whole.size(); size += 997) {
    CHECK_FALSE(exports_symbol(folder.file("cut", whole.substr(0, size)), "CreateEpFactories"));
  }
}

TEST_CASE("the CUDA provider's form is told by its library") {
  const Folder folder;
  std::string message;
  CHECK(thrown([&] { cuda_form(folder.path / "libonnxruntime_providers_cuda.so"); }, &message) ==
        "FS_ERR_DEPENDENCY_MISSING");
  CHECK(message.find("libonnxruntime_providers_cuda.so") != std::string::npos);
  CHECK(cuda_form(FS_FAKE_EP) == CudaForm::kPlugin);
  // The legacy form needs a second library beside it.
  const std::string legacy = folder.file("libonnxruntime_providers_cuda.so", "legacy");
  CHECK(thrown([&] { cuda_form(legacy); }, &message) == "FS_ERR_DEPENDENCY_MISSING");
  CHECK(message.find("libonnxruntime_providers_shared.so") != std::string::npos);
  folder.file("libonnxruntime_providers_shared.so", "shared");
  CHECK(cuda_form(legacy) == CudaForm::kLegacy);
}

TEST_CASE("a provider that cannot be had is an error that says why") {
  const std::string model = scale_model();
  std::string message;
  SECTION("the plugin offers no device") {
    CHECK(thrown([&] { open_session(model, cuda_settings(FS_FAKE_EP)); }, &message) ==
          "FS_ERR_CUDA_UNAVAILABLE");
    CHECK(message.find("0 of them") != std::string::npos);
    // Registered once: a second session does not register it again.
    CHECK(thrown([&] { open_session(model, cuda_settings(FS_FAKE_EP)); }) == "FS_ERR_CUDA_UNAVAILABLE");
  }
  SECTION("the plugin refuses") {
    const Folder folder;
    const std::string copy = folder.path / "libother_ep.so";
    fs::copy_file(FS_FAKE_EP, copy);
    setenv("FS_FAKE_EP", "refuse", 1);
    CHECK(thrown([&] { open_session(model, cuda_settings(copy)); }, &message) == "FS_ERR_ONNX");
    CHECK(message.find("the fake provider refuses") != std::string::npos);
    unsetenv("FS_FAKE_EP");
  }
  SECTION("the legacy form has no stream") {
    const Folder folder;
    const std::string legacy = folder.file("libonnxruntime_providers_cuda.so", "legacy");
    folder.file("libonnxruntime_providers_shared.so", "shared");
    SessionSettings settings = cuda_settings(legacy);
    settings.cuda.stream = nullptr;
    CHECK(thrown([&] { open_session(model, settings); }) == "FS_ERR_INTERNAL");
  }
  SECTION("the CPU provider needs nothing") {
    SessionSettings settings;
    settings.providers = {{Provider::Kind::kCpu, {}, ""}};
    CHECK(open_session(model, settings)->inputs().size() == 1);
  }
}

}  // namespace flowstate::tensor::ort::test
