#include "cufile.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <vector>

namespace flowstate::cuda::cufile {

namespace {

// Left alone, the library writes cufile.log into the working directory. setenv() is not safe beside a getenv() of
// another thread; it is called once, before the library is loaded, and only where the user has not chosen.
void choose_log_path() {
  if (::getenv("CUFILE_LOGFILE_PATH") != nullptr) return;
  const char* folder = ::getenv("TMPDIR");
  const std::string pattern =
      std::string(folder == nullptr || *folder == '\0' ? "/tmp" : folder) + "/flowstate-cufile-XXXXXX.log";
  std::vector<char> path(pattern.c_str(), pattern.c_str() + pattern.size() + 1);
  const int file = ::mkstemps(path.data(), 4);
  if (file >= 0) ::close(file);
  ::setenv("CUFILE_LOGFILE_PATH", file >= 0 ? path.data() : "/dev/null", 0);
}

template <class Function>
bool find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(library, name));
  return function != nullptr;
}

}  // namespace

bool Library::resolve(std::string& reason) {
  const auto need = [&](const char* name, auto& function) {
    if (find(library_, name, function)) return true;
    reason = std::string("libcufile has no ") + name;
    return false;
  };
  if (!need("cuFileDriverOpen", driver_open_) || !need("cuFileDriverGetProperties", driver_properties_) ||
      !need("cuFileHandleRegister", handle_register) || !need("cuFileHandleDeregister", handle_deregister) ||
      !need("cuFileRead", read)) {
    return false;
  }
  if (!find(library_, "cuFileDriverClose_v2", driver_close_))
    find(library_, "cuFileDriverClose", driver_close_);
  // Younger than the rest; without them reads are plain ones.
  find(library_, "cuFileReadAsync", read_async);
  const bool batch = find(library_, "cuFileBatchIOSetUp", batch_set_up) &&
                     find(library_, "cuFileBatchIOSubmit", batch_submit) &&
                     find(library_, "cuFileBatchIOGetStatus", batch_status) &&
                     find(library_, "cuFileBatchIOCancel", batch_cancel) &&
                     find(library_, "cuFileBatchIODestroy", batch_destroy);
  if (!batch) batch_set_up = nullptr;
  return true;
}

std::unique_ptr<Library> Library::load(const char* name, std::string& reason) {
  choose_log_path();
  std::unique_ptr<Library> result(new Library);
  result->library_ = ::dlopen(name, RTLD_NOW | RTLD_LOCAL);
  if (result->library_ == nullptr) {
    const char* why = ::dlerror();
    reason = std::string("cuFile cannot be loaded: ") + (why == nullptr ? name : why);
    return nullptr;
  }
  if (!result->resolve(reason)) return nullptr;
  const Status status = result->driver_open_();
  // Open already: another user of the library in this process was first, and closes it.
  result->opened_ = status.err == 0;
  if (status.err != 0 && status.err != kDriverOpenAlready) {
    reason = "cuFileDriverOpen: " + error_text(status.err);
    return nullptr;
  }
  DriverProperties properties{};
  // Asked only now: before a successful open the answer is garbage, reported as success.
  if (result->driver_properties_(&properties).err == 0) result->properties_ = properties;
  return result;
}

const Library* Library::process(std::string& reason) {
  struct Outcome {
    Library* library;
    std::string reason;
  };
  static const Outcome* const outcome = [] {
    auto* made = new Outcome;
    made->library = load("libcufile.so.0", made->reason).release();
    return made;
  }();
  reason = outcome->reason;
  return outcome->library;
}

Library::~Library() {
  if (opened_ && driver_close_ != nullptr) driver_close_();
  if (library_ != nullptr) ::dlclose(library_);
}

const char* Library::path_name() const noexcept {
  const bool direct = properties_.nvfs.major_version > 0 || (properties_.feature_flags & kFeatureP2p) != 0;
  return direct ? "cufile" : "cufile compatibility mode";
}

bool Library::has_batch() const noexcept {
  return batch_set_up != nullptr && (properties_.feature_flags & kFeatureBatch) != 0;
}

bool Library::has_streams() const noexcept {
  return read_async != nullptr && (properties_.feature_flags & kFeatureStreams) != 0;
}

unsigned Library::max_batch_ios() const noexcept {
  // 128 is the library's default; 256 the most that any version takes.
  return properties_.max_batch_ios == 0 ? 128 : std::min(properties_.max_batch_ios, 256u);
}

std::string error_text(std::int64_t code) {
  const std::int64_t number = code < 0 ? -code : code;
  const char* meaning = "see cufile.log";
  switch (number) {
    case 5001:
      meaning = "driver not initialised";
      break;
    case 5008:
      meaning = "IO not supported";
      break;
    case 5011:
      meaning = "CUDA driver error";
      break;
    case 5019:
      meaning = "file opened with wrong flags";
      break;
    case 5020:
      meaning = "file not opened with O_DIRECT";
      break;
    case 5022:
      meaning = "invalid argument";
      break;
    case 5023:
      meaning = "memory registered already";
      break;
    case 5024:
      meaning = "memory not registered";
      break;
    case kDriverOpenAlready:
      meaning = "driver open already";
      break;
    case 5033:
      meaning = "nvidia-fs set-up failed";
      break;
    case 5038:
      meaning = "asynchronous IO not supported";
      break;
    case kBatchNotInCompatMode:
      meaning = "no batches in compatibility mode";
      break;
    default:
      break;
  }
  return std::to_string(number) + " (" + meaning + ")";
}

}  // namespace flowstate::cuda::cufile
