#include <catch2/catch.hpp>
#include <cstdlib>
#include <numeric>
#include <thread>

#include "runtime.h"

namespace flowstate::tensor::ort::test {

TEST_CASE("a session says what its model takes and gives") {
  const auto session = open_session(scale_model());
  REQUIRE(session->inputs().size() == 1);
  const ModelValue& x = session->inputs()[0];
  CHECK((x.name == "x" && x.type == kFloat32 && x.shape == std::vector<std::int64_t>{-1, 4}));
  CHECK((x.symbols == std::vector<std::string>{"batch", ""} && x.memory == "Cpu" && !x.on_gpu));
  CHECK(session->outputs()[0].name == "y");
}

TEST_CASE("a run reads and writes the memory it was given") {
  const auto session = open_session(scale_model());
  std::vector<float> x(4000);
  std::vector<float> y(4000, -1);
  std::iota(x.begin(), x.end(), 0.0F);
  const RunControl control(runtime());
  for (int round = 0; round < 3; ++round) {
    x[7] = static_cast<float>(round * 100);
    const Addresses seen = session->run(std::vector{bound(x)}, std::vector{bound(y)}, control);
    CHECK(seen.inputs == std::vector<const void*>{x.data()});
    CHECK(seen.outputs == std::vector<const void*>{y.data()});
    bool right = true;
    for (std::size_t i = 0; i < x.size(); ++i) right = right && y[i] == x[i] * 3 + 0.5F;
    CHECK(right);
  }
  CHECK(session->counts().runs == 3);
  std::vector<float> none;
  session->run(std::vector{bound(none)}, std::vector{bound(none)}, control);
}

TEST_CASE("what would be copied is refused") {
  const auto session = open_session(scale_model());
  std::vector<float> x(8, 1);
  std::vector<float> y(8);
  const RunControl control(runtime());
  std::string message;
  CHECK(thrown([&] { session->run(std::vector{bound(x, 0)}, std::vector{bound(y)}, control); }, &message) ==
        "FS_ERR_WOULD_COPY");
  CHECK(message.find("input 'x'") != std::string::npos);
  CHECK(message.find("CUDA device 0") != std::string::npos);
  CHECK(thrown([&] { session->run(std::vector{bound(x)}, std::vector{bound(y, 2)}, control); }, &message) ==
        "FS_ERR_WOULD_COPY");
  CHECK(message.find("output 'y'") != std::string::npos);
  CHECK(y == std::vector<float>(8));
}

TEST_CASE("a run whose bytes and shape differ, or that lacks an input, changes nothing") {
  const auto session = open_session(scale_model());
  std::vector<float> x(8, 1);
  std::vector<float> y(8);
  const RunControl control(runtime());
  Bound wrong = bound(x);
  wrong.bytes -= 4;
  CHECK(thrown([&] { session->run(std::vector{wrong}, std::vector{bound(y)}, control); }) ==
        "FS_ERR_ARG_RANGE");
  wrong = bound(x);
  wrong.index = 1;
  CHECK(thrown([&] { session->run(std::vector{wrong}, std::vector{bound(y)}, control); }) ==
        "FS_ERR_ARG_RANGE");
  wrong = bound(x);
  wrong.type = kString;
  CHECK(thrown([&] { session->run(std::vector{wrong}, std::vector{bound(y)}, control); }) ==
        "FS_ERR_ARG_RANGE");
  wrong = bound(x);
  wrong.shape = {4, 2};
  CHECK(thrown([&] { session->run(std::vector{wrong}, std::vector{bound(y)}, control); }) == "FS_ERR_ONNX");
  CHECK(thrown([&] { session->run({}, std::vector{bound(y)}, control); }) == "FS_ERR_ONNX");
  CHECK(y == std::vector<float>(8));
  CHECK(session->counts().runs == 0);
}

TEST_CASE("runs and loads can be stopped") {
  const auto session = open_session(scale_model());
  std::vector<float> x(8, 1);
  std::vector<float> y(8);
  RunControl control(runtime());
  control.cancel();
  CHECK(thrown([&] { session->run(std::vector{bound(x)}, std::vector{bound(y)}, control); }) ==
        "FS_ERR_ONNX");
  const std::string model = scale_model();
  SessionLoad load(runtime());
  load.cancel();
  CHECK(thrown([&] {
          OnnxSession(runtime(), {"", model.data(), model.size()}, {}, load);
        }) == "FS_ERR_ABORTED");
}

TEST_CASE("runs of several threads do not meet") {
  const auto session = open_session(scale_model());
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const RunControl control(runtime());
      std::vector<float> x(4096);
      std::vector<float> y(4096);
      for (int round = 0; round < 50; ++round) {
        std::fill(x.begin(), x.end(), static_cast<float>(t * 1000 + round));
        session->run(std::vector{bound(x)}, std::vector{bound(y)}, control);
        for (const float value : y) wrong += value != x[0] * 3 + 0.5F ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(session->counts().runs == 200);
  CHECK(session->counts().running == 0);
  CHECK(session->counts().peak_running <= 4);
}

}  // namespace flowstate::tensor::ort::test
