// The operations inside a TensorFlow, here one of the test's own.
#include <atomic>
#include <catch2/catch.hpp>
#include <string>
#include <thread>
#include <vector>

#if !defined(_WIN32)
#include <dlfcn.h>
#endif

#include "flowstate/error.h"
#include "flowstate/tensor/alias_table.h"
#include "flowstate/tensor/tf_alias.h"
#include "tensor/fake_tf.h"
#include "tensor/owners.h"

namespace flowstate::tensor::test {
namespace {

const AliasOps& ops() { return register_alias_ops(fake_api()); }

AliasHandle lend(Block& block, Count& count, bool on_gpu = false) {
  return alias_table().put(alias_of(block, std::make_unique<CountingOwner>(count), on_gpu));
}

Ran run(AliasHandle handle, TfType type = TfType::kFloat, bool on_gpu = false) {
  return test::run(on_gpu ? ops().gpu_name : ops().host_name, {handle.slot, handle.generation}, type);
}

TEST_CASE("one operation for the CPU's memory and one for a GPU's, registered once", "[tf]") {
  const AliasOps& names = ops();
  CHECK(&ops() == &names);
  const FakeTf& tf = fake_tf();
  REQUIRE(tf.ops.size() == 2);
  REQUIRE(tf.kernels.size() == 2);
  for (const auto& [name, device] : {std::pair{names.host_name, "CPU"}, std::pair{names.gpu_name, "GPU"}}) {
    const TfOpBuilder& op = *tf.ops.at(name);
    CHECK(op.inputs == std::vector<std::string>{"handle: int32"});
    CHECK(op.outputs == std::vector<std::string>{"out: T"});
    REQUIRE(op.attributes.size() == 1);
    CHECK(op.is_stateful);
    TfStatus status;
    op.infer_shape(nullptr, &status);
    CHECK(status.message == "unknown shape");
    const TfKernelBuilder& kernel = *tf.kernels.at(name);
    CHECK(kernel.device == device);
    // The handle is numbers for the CPU, on a GPU too.
    CHECK(kernel.host_memory == std::vector<std::string>{"handle"});
  }
  // TensorFlow keeps int32 on the host.
  CHECK(tf.ops.at(names.host_name)->attributes[0].find("int32") != std::string::npos);
  CHECK(tf.ops.at(names.gpu_name)->attributes[0].find("int32") == std::string::npos);
}

TEST_CASE("the output is the memory, given back with its last reference", "[tf]") {
  Block block;
  Count count;
  for (const bool on_gpu : {false, true}) {
    const Ran made = run(lend(block, count, on_gpu), TfType::kFloat, on_gpu);
    REQUIRE(made.tensor != nullptr);
    CHECK(made.code == kTfOk);
    CHECK(made.tensor->data == block.values);
    CHECK(made.tensor->bytes == sizeof(block.values));
    CHECK(made.tensor->shape == std::vector<std::int64_t>{8, 8});
    CHECK(made.tensor->references == 1);
    const int before = count.returned;
    made.tensor->references.fetch_add(1);
    unref(made.tensor);
    CHECK(count.returned == before);
    unref(made.tensor);
    CHECK(count.returned == before + 1);
  }
  CHECK(alias_table().stats().lent == 0);
}

TEST_CASE("what no tensor waits under fails as an operation, and changes nothing", "[tf]") {
  Block block;
  Count count;
  const AliasHandle handle = lend(block, count);
  CHECK(run({handle.slot, handle.generation - 1}).code == kTfFailedPrecondition);
  CHECK(run({1 << 30, 1}).code == kTfFailedPrecondition);
  CHECK(run(handle, TfType::kInt32).code == kTfFailedPrecondition);
  CHECK(run(handle, TfType::kFloat, true).code == kTfFailedPrecondition);
  for (const std::vector<std::int32_t>& numbers :
       {std::vector<std::int32_t>{handle.slot}, {handle.slot, handle.generation, 0}}) {
    CHECK(test::run(ops().host_name, numbers).code == kTfInvalidArgument);
  }
  CHECK(count.returned == 0);
  const Ran made = run(handle);
  REQUIRE(made.tensor != nullptr);
  CHECK(run(handle).code == kTfFailedPrecondition);
  unref(made.tensor);
  CHECK(run(handle).code == kTfFailedPrecondition);
  CHECK(count.returned == 1);
}

TEST_CASE("whatever TensorFlow refuses, the memory comes back once", "[tf]") {
  Block block;
  Count count;
  FakeTf& tf = fake_tf();
  for (bool FakeTf::*const fault : {&FakeTf::copies, &FakeTf::refuses_tensors, &FakeTf::refuses_outputs}) {
    const int before = count.returned;
    tf.*fault = true;
    const Ran ran = run(lend(block, count));
    tf.*fault = false;
    CHECK(ran.tensor == nullptr);
    CHECK(ran.code != kTfOk);
    CHECK(count.returned == before + 1);
  }
  const AliasStats stats = alias_table().stats();
  CHECK(stats.lent == 0);
  CHECK(stats.waiting == 0);
}

TEST_CASE("tensors that end on other threads than they were made on", "[tf]") {
  constexpr int kThreads = 4;
  constexpr int kTensors = 500;
  Count count;
  std::vector<Block> blocks(kThreads);
  std::atomic<int> wrong{0};
  ops();
  std::vector<std::vector<TfTensor*>> made(kThreads);
  const auto on_threads = [&](auto work) {
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) threads.emplace_back(work, t);
    for (std::thread& thread : threads) thread.join();
  };
  on_threads([&](int t) {
    for (int i = 0; i < kTensors; ++i) {
      Block& block = blocks[static_cast<std::size_t>(t)];
      auto owner = i % 4 == 0 ? std::make_unique<CountingOwner>(count, [] { std::this_thread::yield(); })
                              : std::make_unique<CountingOwner>(count);
      const AliasHandle handle = alias_table().put(alias_of(block, std::move(owner)));
      const Ran ran = run(handle);
      if (ran.tensor == nullptr || ran.tensor->data != block.values) ++wrong;
      if (run(handle).tensor != nullptr) ++wrong;  // taken, whatever others put into the slot meanwhile
      ran.tensor->references.fetch_add(1);
      made[static_cast<std::size_t>(t)].push_back(ran.tensor);
    }
  });
  CHECK(alias_table().stats().lent == kThreads * kTensors);
  // Two threads let go of each tensor; either may be the last.
  on_threads([&](int t) {
    for (const int whose : {t, (t + 1) % kThreads}) {
      for (TfTensor* const tensor : made[static_cast<std::size_t>(whose)]) unref(tensor);
    }
  });
  alias_table().wait_until_returned();
  CHECK(wrong == 0);
  CHECK(count.returned == kThreads * kTensors);
  CHECK(alias_table().stats().lent == 0);
  CHECK(alias_table().stats().slots <= 2 * kThreads);
}

#if !defined(_WIN32)
TEST_CASE("a TensorFlow that is not loaded, or lacks a function, is named", "[tf]") {
  const auto message = [] {
    try {
      resolve_tensorflow();
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::DEPENDENCY_MISSING);
      return std::string(error.what());
    }
    return std::string("resolved");
  };
  CHECK(message().find("no TensorFlow is loaded") != std::string::npos);
  void* const library = dlopen(FS_PARTIAL_TENSORFLOW, RTLD_NOW | RTLD_LOCAL);
  REQUIRE(library != nullptr);
  CHECK(message().find("has no function TF_DeleteStatus") != std::string::npos);
}
#endif

}  // namespace
}  // namespace flowstate::tensor::test
