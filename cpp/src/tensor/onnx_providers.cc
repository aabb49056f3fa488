#include "flowstate/tensor/onnx_providers.h"

#if __has_include(<elf.h>)
#include <elf.h>
#endif

#include <algorithm>
#include <cstring>
#include <fstream>
#include <mutex>
#include <set>

#include "flowstate/error.h"

namespace flowstate::tensor::ort {
namespace {

constexpr const char* kCudaLibrary = "libonnxruntime_providers_cuda.so";
constexpr const char* kSharedLibrary = "libonnxruntime_providers_shared.so";
constexpr const char* kRegistration = "flowstate.cuda";
// OrtHardwareDeviceType.
constexpr int kGpu = 1;

bool exists(const std::string& path) { return std::ifstream(path).good(); }

std::string folder_of(const std::string& path) { return path.substr(0, path.find_last_of('/') + 1); }

#if __has_include(<elf.h>)
template <typename T>
bool read_at(std::ifstream& file, std::uint64_t offset, T* out, std::size_t count = 1) {
  file.seekg(static_cast<std::streamoff>(offset));
  file.read(reinterpret_cast<char*>(out), static_cast<std::streamsize>(count * sizeof(T)));
  return file.good();
}
#endif

struct Pairs {
  std::vector<const char*> keys;
  std::vector<const char*> values;
  explicit Pairs(const Provider& provider) {
    for (const auto& [key, value] : provider.options) {
      keys.push_back(key.c_str());
      values.push_back(value.c_str());
    }
  }
};

void append_legacy(const Runtime& runtime, SessionOptions* options, const Provider& provider,
                   const CudaTarget& cuda) {
  if (cuda.stream == nullptr) throw Error(ErrorCode::INTERNAL, "the CUDA provider was given no stream");
  const auto settings = make<CudaOptions>(runtime, runtime.call.ReleaseCUDAProviderOptions,
                                          runtime.call.CreateCUDAProviderOptions);
  Provider complete = provider;
  complete.options.emplace_back("device_id", std::to_string(cuda.ordinal));
  const Pairs pairs(complete);
  runtime.check(runtime.call.UpdateCUDAProviderOptions(settings.get(), pairs.keys.data(), pairs.values.data(),
                                                       pairs.keys.size()));
  runtime.check(
      runtime.call.UpdateCUDAProviderOptionsWithValue(settings.get(), "user_compute_stream", cuda.stream));
  runtime.check(runtime.call.SessionOptionsAppendExecutionProvider_CUDA_V2(options, settings.get()));
}

void register_plugin(const Runtime& runtime, const std::string& library) {
  // Once per process and file: a name is registered once, and the devices it brings serve every session.
  static std::mutex mutex;
  static std::set<std::string>* const registered = new std::set<std::string>();
  const std::lock_guard lock(mutex);
  if (registered->count(library) != 0) return;
  const std::string name = std::string(kRegistration) + std::to_string(registered->size());
  runtime.check(runtime.call.RegisterExecutionProviderLibrary(runtime.env, name.c_str(), library.c_str()));
  registered->insert(library);
}

void append_plugin(const Runtime& runtime, SessionOptions* options, const Provider& provider,
                   const CudaTarget& cuda, const std::string& library) {
  register_plugin(runtime, library);
  const EpDevice* const* devices = nullptr;
  std::size_t count = 0;
  runtime.check(runtime.call.GetEpDevices(runtime.env, &devices, &count));
  int ordinal = 0;
  for (std::size_t i = 0; i < count; ++i) {
    // "CUDAExecutionProvider", and "CudaPluginExecutionProvider" in the first releases.
    std::string name = runtime.call.EpDevice_EpName(devices[i]);
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
    if (name.rfind("cuda", 0) != 0) continue;
    if (runtime.call.HardwareDevice_Type(runtime.call.EpDevice_Device(devices[i])) != kGpu) continue;
    if (ordinal++ != cuda.ordinal) continue;
    const Pairs pairs(provider);
    runtime.check(runtime.call.SessionOptionsAppendExecutionProvider_V2(
        options, runtime.env, &devices[i], 1, pairs.keys.data(), pairs.values.data(), pairs.keys.size()));
    return;
  }
  throw Error(ErrorCode::CUDA_UNAVAILABLE, library + " offers no CUDA device number " +
                                               std::to_string(cuda.ordinal) + ", but " +
                                               std::to_string(ordinal) + " of them");
}

}  // namespace

#if !__has_include(<elf.h>)
// Nobody ships the CUDA provider for such systems.
bool exports_symbol(const std::string&, const std::string&) { return false; }
#else
bool exports_symbol(const std::string& path, const std::string& symbol) {
  std::ifstream file(path, std::ios::binary);
  Elf64_Ehdr header{};
  if (!read_at(file, 0, &header) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
      header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_shentsize != sizeof(Elf64_Shdr)) {
    return false;
  }
  std::vector<Elf64_Shdr> sections(header.e_shnum);
  if (!read_at(file, header.e_shoff, sections.data(), sections.size())) return false;
  constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 30;  // a table beyond that is damage
  for (const Elf64_Shdr& section : sections) {
    if (section.sh_type != SHT_DYNSYM || section.sh_link >= sections.size()) continue;
    const Elf64_Shdr& names = sections[section.sh_link];
    if (section.sh_size > kMostBytes || names.sh_size > kMostBytes) return false;
    std::vector<Elf64_Sym> symbols(section.sh_size / sizeof(Elf64_Sym));
    std::vector<char> text(names.sh_size + 1);
    if (!read_at(file, section.sh_offset, symbols.data(), symbols.size()) ||
        !read_at(file, names.sh_offset, text.data(), names.sh_size)) {
      return false;
    }
    for (const Elf64_Sym& each : symbols) {
      if (each.st_shndx != SHN_UNDEF && each.st_name < names.sh_size && symbol == &text[each.st_name])
        return true;
    }
  }
  return false;
}
#endif

CudaForm cuda_form(const std::string& library) {
  if (!exists(library)) {
    throw Error(
        ErrorCode::DEPENDENCY_MISSING,
        "the CUDA provider of ONNX Runtime is not installed: there is no " + library +
            "; install onnxruntime-node with its download (without ONNXRUNTIME_NODE_INSTALL=skip), or use "
            "executionProviders: ['cpu']");
  }
  if (exports_symbol(library, "CreateEpFactories")) return CudaForm::kPlugin;
  const std::string shared = folder_of(library) + kSharedLibrary;
  if (!exists(shared)) {
    throw Error(ErrorCode::DEPENDENCY_MISSING,
                "the CUDA provider of ONNX Runtime is incomplete: there is no " + shared +
                    "; install onnxruntime-node with its download again");
  }
  return CudaForm::kLegacy;
}

void append_provider(const Runtime& runtime, SessionOptions* options, const Provider& provider,
                     const CudaTarget& cuda) {
  if (provider.kind == Provider::Kind::kCpu) return;
  const std::string library =
      provider.library.empty() ? folder_of(runtime.path) + kCudaLibrary : provider.library;
  const CudaForm form = cuda_form(library);
  try {
    if (form == CudaForm::kPlugin) {
      append_plugin(runtime, options, provider, cuda, library);
    } else {
      append_legacy(runtime, options, provider, cuda);
    }
  } catch (const Error& error) {
    // The loader's own words say which library of CUDA or cuDNN is not there.
    const std::string what = error.what();
    if (what.find("cannot open shared object file") == std::string::npos) throw;
    throw Error(ErrorCode::DEPENDENCY_MISSING, "the CUDA provider needs a library that is missing: " + what,
                error.details());
  }
}

}  // namespace flowstate::tensor::ort
