// Files through the shim and a simulated libcufile.so.0: what the library says becomes bytes or typed errors, and its
// handles and batches are all given back.
#include <dlfcn.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "cufile.h"
#include "device/scratch_file.h"
#include "sim/sim_cufile.h"
#include "subject.h"

namespace device = flowstate::device;
namespace cufile = flowstate::cuda::cufile;
using device::conformance::code_of;
using flowstate::Error;
using flowstate::ErrorCode;

namespace {

// The library's controls, found as the library is.
struct Controls {
  void* library = ::dlopen("libcufile.so.0", RTLD_NOW | RTLD_LOCAL);
  template <class Function>
  Function* find(const char* name) const {
    REQUIRE(library != nullptr);
    return reinterpret_cast<Function*>(::dlsym(library, name));
  }
  decltype(&fs_sim_cufile_configure) configure =
      find<decltype(fs_sim_cufile_configure)>("fs_sim_cufile_configure");
  decltype(&fs_sim_cufile_arm) arm = find<decltype(fs_sim_cufile_arm)>("fs_sim_cufile_arm");
  decltype(&fs_sim_cufile_disarm) disarm = find<decltype(fs_sim_cufile_disarm)>("fs_sim_cufile_disarm");
  decltype(&fs_sim_cufile_handles) handles = find<decltype(fs_sim_cufile_handles)>("fs_sim_cufile_handles");
  decltype(&fs_sim_cufile_batches) batches = find<decltype(fs_sim_cufile_batches)>("fs_sim_cufile_batches");
  decltype(&fs_sim_cufile_calls) calls = find<decltype(fs_sim_cufile_calls)>("fs_sim_cufile_calls");
};

const Controls& controls() {
  static const Controls instance;
  return instance;
}

// A device, a file of 40,000 bytes and room for it.
struct Setup {
  Setup() {
    controls().disarm();
    sim::reset();
    cuda = device::open_cuda_device(0);
    stream = cuda->create_stream();
    target = static_cast<std::uint8_t*>(cuda->allocate(bytes.size()));
    direct = cuda->open_direct(file.path, reason);
    INFO(reason);
    REQUIRE(direct != nullptr);
  }
  ~Setup() {
    controls().disarm();
    cuda->free(target);
  }
  std::vector<std::uint8_t> device_bytes() const {
    std::vector<std::uint8_t> result(bytes.size());
    stream->copy_to_host(result.data(), target, result.size());
    stream->synchronize();
    return result;
  }

  std::vector<std::uint8_t> bytes = device::patterned_bytes(40000);
  device::ScratchFile file{bytes};
  std::shared_ptr<device::Device> cuda;
  std::unique_ptr<device::Stream> stream;
  std::uint8_t* target = nullptr;
  std::string reason;
  std::unique_ptr<device::DirectFile> direct;
};

}  // namespace

TEST_CASE("the library is loaded by name, and a failure has its reason") {
  controls().disarm();
  std::string reason;
  REQUIRE(cufile::Library::load("libcufile-that-is-not-there.so.0", reason) == nullptr);
  REQUIRE(reason.find("libcufile-that-is-not-there.so.0") != std::string::npos);
  REQUIRE(cufile::Library::load("libdl.so.2", reason) == nullptr);
  REQUIRE(reason.find("cuFileDriverOpen") != std::string::npos);
  controls().arm("cuFileDriverOpen", 0, 1, 5033);
  REQUIRE(cufile::Library::load("libcufile.so.0", reason) == nullptr);
  REQUIRE(reason.find("5033") != std::string::npos);
}

TEST_CASE("the library's log stays out of the working directory") {
  std::string reason;
  (void)cufile::Library::load("libcufile-that-is-not-there.so.0", reason);
  const char* path = std::getenv("CUFILE_LOGFILE_PATH");
  REQUIRE(path != nullptr);
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  REQUIRE_FALSE(folder == std::filesystem::current_path());
  REQUIRE_FALSE(folder.empty());
}

TEST_CASE("the path taken follows from the driver's properties") {
  controls().disarm();
  const auto name = [](unsigned major, unsigned features) -> std::string {
    controls().configure(major, features, 128);
    std::string reason;
    // Open already where a device of another test has it: its properties count all the same.
    const auto library = cufile::Library::load("libcufile.so.0", reason);
    REQUIRE(library != nullptr);
    return library->path_name();
  };
  REQUIRE(name(2, 0) == "cufile");
  REQUIRE(name(0, 0xF) == "cufile compatibility mode");
  REQUIRE(name(0, cufile::kFeatureP2p) == "cufile");
  controls().configure(2, 0xF, 128);
}

TEST_CASE("a file that cuFile refuses has no direct path, and leaves nothing open") {
  const Setup setup;
  std::string reason;
  controls().arm("cuFileHandleRegister", 0, 1, 5027);
  REQUIRE(setup.cuda->open_direct(setup.file.path, reason) == nullptr);
  REQUIRE(reason.find("5027") != std::string::npos);
  REQUIRE(controls().handles() == 1);
}

TEST_CASE("handles are given back with their files") {
  {
    const Setup setup;
    REQUIRE(controls().handles() == 1);
    REQUIRE(std::string(setup.direct->path_taken()) == "cufile");
  }
  REQUIRE(controls().handles() == 0);
  REQUIRE(sim::live().total() == 0);
}

TEST_CASE("a read goes on after interruptions and short answers") {
  const Setup setup;
  controls().arm("cuFileRead", 0, 3, -2);
  REQUIRE(setup.direct->read(setup.target, 0, 0, 40000) == 40000);
  REQUIRE(setup.device_bytes() == setup.bytes);
  setup.stream->fill(setup.target, 0, 40000);
  setup.stream->synchronize();
  controls().arm("cuFileRead", 0, 1000, 1234);
  REQUIRE(setup.direct->read(setup.target, 0, 0, 40000) == 40000);
  REQUIRE(setup.device_bytes() == setup.bytes);
}

TEST_CASE("a read that fails is an error of the system's or of cuFile's, by number") {
  const Setup setup;
  const auto details_of = [&](std::int64_t value) {
    controls().arm("cuFileRead", 0, 1, value);
    try {
      (void)setup.direct->read(setup.target, 0, 0, 100);
    } catch (const Error& error) {
      REQUIRE(error.code() == ErrorCode::IO);
      REQUIRE(std::string(error.what()).find(setup.file.path) != std::string::npos);
      return error.details().at(0);
    }
    FAIL("expected an error");
    return Error::Detail{};
  };
  REQUIRE(details_of(-1) == Error::Detail{"errno", EIO});
  REQUIRE(details_of(-5008) == Error::Detail{"cufileError", 5008});
  REQUIRE(setup.direct->read(setup.target, 0, 0, 100) == 100);
}

TEST_CASE("more than one direct read's worth is cut into parts, also in a stream and in a batch") {
  sim::reset();
  controls().disarm();
  const std::vector<std::uint8_t> bytes = device::patterned_bytes((std::size_t{33} << 20) + 12345);
  const device::ScratchFile file(bytes);
  const auto cuda = device::open_cuda_device(0);
  const auto stream = cuda->create_stream();
  void* target = cuda->allocate(bytes.size());
  std::string reason;
  const auto direct = cuda->open_direct(file.path, reason);
  REQUIRE(direct != nullptr);
  const auto check = [&] {
    std::vector<std::uint8_t> got(bytes.size());
    stream->copy_to_host(got.data(), target, got.size());
    stream->fill(target, 0, got.size());
    stream->synchronize();
    REQUIRE(got == bytes);
  };
  REQUIRE(direct->read(target, 0, 0, bytes.size()) == bytes.size());
  REQUIRE(controls().calls("cuFileRead") == 3);
  check();
  std::int64_t done = 0;
  direct->read_async(target, 0, 0, bytes.size() + 100, &done, *stream);
  stream->synchronize();
  REQUIRE(done == static_cast<std::int64_t>(bytes.size()));
  REQUIRE(controls().calls("cuFileReadAsync") == 3);
  check();
  std::vector<device::DirectFile::Piece> pieces = {{target, 0, 0, bytes.size(), 0}};
  direct->read_batch(pieces);
  REQUIRE(pieces[0].done == bytes.size());
  check();
  cuda->free(target);
}

TEST_CASE("a read in a stream takes its turn and outlives its file") {
  Setup setup;
  std::int64_t done = 0;
  setup.stream->fill(setup.target, 0xEE, 40000);
  setup.direct->read_async(setup.target, 0, 0, 40000, &done, *setup.stream);
  setup.direct.reset();
  REQUIRE(setup.device_bytes() == setup.bytes);
  REQUIRE(done == 40000);
  REQUIRE(controls().handles() == 0);
}

TEST_CASE("a read that fails in a stream breaks the stream from there on, and the streams that wait for it") {
  const Setup setup;
  const auto before = setup.cuda->create_event();
  const auto after = setup.cuda->create_event();
  const auto other = setup.cuda->create_stream();
  const auto unconcerned = setup.cuda->create_stream();
  std::int64_t done = 0;
  controls().arm("ReadAsync runs", 0, 1, -5008);
  setup.stream->record(*before);
  setup.direct->read_async(setup.target, 0, 0, 40000, &done, *setup.stream);
  bool ran = false;
  setup.stream->run_on_host([&] { ran = true; });
  setup.stream->record(*after);
  other->wait(*after);
  bool other_ran = false;
  other->run_on_host([&] { other_ran = true; });
  unconcerned->wait(*before);
  REQUIRE(code_of([&] { setup.stream->synchronize(); }) == ErrorCode::IO);
  REQUIRE(code_of([&] { setup.stream->synchronize(); }) == ErrorCode::IO);
  REQUIRE(done == -1);
  REQUIRE_FALSE(ran);
  REQUIRE(before->is_complete());
  before->synchronize();
  REQUIRE(code_of([&] { after->synchronize(); }) == ErrorCode::IO);
  REQUIRE(code_of([&] { (void)after->is_complete(); }) == ErrorCode::IO);
  REQUIRE(code_of([&] { other->synchronize(); }) == ErrorCode::IO);
  REQUIRE_FALSE(other_ran);
  unconcerned->synchronize();
  REQUIRE(code_of([&] { setup.cuda->synchronize(); }) == ErrorCode::IO);
}

TEST_CASE("a read in a stream that is refused at once breaks nothing") {
  const Setup setup;
  std::int64_t done = 0;
  controls().arm("cuFileReadAsync", 0, 1, 5038);
  REQUIRE(code_of([&] { setup.direct->read_async(setup.target, 0, 0, 100, &done, *setup.stream); }) ==
          ErrorCode::IO);
  REQUIRE(done == -1);
  setup.stream->synchronize();
  REQUIRE(setup.direct->read(setup.target, 0, 0, 100) == 100);
}

TEST_CASE("a batch comes out whole whatever the library does with it") {
  const Setup setup;
  const auto run = [&] {
    setup.stream->fill(setup.target, 0, 40000);
    setup.stream->synchronize();
    std::vector<device::DirectFile::Piece> pieces;
    for (std::size_t at = 0; at < 40000; at += 100) pieces.push_back({setup.target, at, at, 100, 0});
    setup.direct->read_batch(pieces);
    for (const auto& piece : pieces) REQUIRE(piece.done == 100);
    REQUIRE(setup.device_bytes() == setup.bytes);
    REQUIRE(controls().batches() == 0);
  };
  SECTION("as many batches as its limit asks for") {
    run();
    REQUIRE(controls().calls("cuFileBatchIOSetUp") == 4);
    REQUIRE(controls().calls("cuFileRead") == 0);
  }
  SECTION("no batches in compatibility mode") {
    controls().arm("cuFileBatchIOSetUp", 0, 1000, cufile::kBatchNotInCompatMode);
    run();
  }
  SECTION("a refused submission") {
    controls().arm("cuFileBatchIOSubmit", 1, 1, 5001);
    run();
  }
  SECTION("short entries") {
    controls().arm("batch entry", 3, 200, 7);
    run();
  }
  SECTION("failed entries that a plain read can do") {
    controls().arm("batch entry", 3, 20, -5008);
    run();
  }
}

TEST_CASE("a batch of which one read fails settles all and says so") {
  const Setup setup;
  std::vector<device::DirectFile::Piece> pieces;
  for (std::size_t at = 0; at < 1000; at += 100) pieces.push_back({setup.target, at, at, 100, 0});
  SECTION("in the batch and again alone") {
    controls().arm("cuFileBatchIOSetUp", 0, 1, 5001);
    REQUIRE(code_of([&] {
              controls().arm("cuFileRead", 4, 1, -5008);
              controls().configure(2, 0xF, 0);
              setup.direct->read_batch(pieces);
            }) == ErrorCode::IO);
    controls().configure(2, 0xF, 128);
    for (std::size_t i = 0; i < pieces.size(); ++i) REQUIRE(pieces[i].done == (i == 4 ? 0u : 100u));
  }
  SECTION("where the library loses count of it") {
    controls().arm("cuFileBatchIOGetStatus", 1, 1, 5001);
    REQUIRE(code_of([&] { setup.direct->read_batch(pieces); }) == ErrorCode::IO);
    REQUIRE(controls().batches() == 0);
  }
}

TEST_CASE("a file that shrinks gives what is left") {
  const Setup setup;
  setup.file.shrink(10000);
  REQUIRE(setup.direct->read(setup.target, 0, 5000, 20000) == 5000);
  REQUIRE(setup.direct->read(setup.target, 0, 20000, 10) == 0);
  std::int64_t done = 0;
  setup.direct->read_async(setup.target, 0, 9999, 100, &done, *setup.stream);
  setup.stream->synchronize();
  REQUIRE(done == 1);
}
