// The library as onnxruntime-node would have loaded it, and models for it.
#pragma once

#include <dlfcn.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "flowstate/error.h"
#include "flowstate/tensor/onnx_session.h"

namespace flowstate::tensor::ort::test {

// The code of what `call` throws; its message in `message`.
template <typename Call>
std::string thrown(Call&& call, std::string* message = nullptr) {
  try {
    call();
  } catch (const Error& error) {
    if (message != nullptr) *message = error.what();
    return to_string(error.code());
  }
  return "nothing";
}

// The library's own start loses 14 bytes, once; what we lose later is ours.
struct UncheckedLeaks {
#ifdef __SANITIZE_ADDRESS__
  UncheckedLeaks() { __lsan_disable(); }
  ~UncheckedLeaks() { __lsan_enable(); }
#else
  UncheckedLeaks() {}
#endif
};

struct Loaded {
  std::string before;  // what attach() says while nobody has loaded the library
  const Runtime* runtime = nullptr;
};

inline const Loaded& loaded() {
  static const Loaded result = [] {
    Loaded made;
    made.before = thrown([] { attach(FS_ORT_LIBRARY, 4); });
    const UncheckedLeaks unchecked;
    if (dlopen(FS_ORT_LIBRARY, RTLD_LAZY | RTLD_LOCAL) == nullptr) throw std::runtime_error(dlerror());
    made.runtime = &attach(FS_ORT_LIBRARY, 4);
    return made;
  }();
  return result;
}
inline const Runtime& runtime() { return *loaded().runtime; }

// Protocol buffers, as far as a model needs them.
struct Message {
  std::string bytes;
  void varint(std::uint64_t value) {
    for (; value > 127; value >>= 7) bytes.push_back(static_cast<char>((value & 127) | 128));
    bytes.push_back(static_cast<char>(value));
  }
  Message& number(int field, std::int64_t value) {
    varint(static_cast<std::uint64_t>(field) << 3);
    varint(static_cast<std::uint64_t>(value));
    return *this;
  }
  Message& text(int field, const std::string& value) {
    varint(static_cast<std::uint64_t>(field) << 3 | 2);
    varint(value.size());
    bytes += value;
    return *this;
  }
  Message& message(int field, const Message& value) { return text(field, value.bytes); }
};

inline Message value_info(const std::string& name) {
  Message shape;
  shape.message(1, Message().text(2, "batch")).message(1, Message().number(1, 4));
  const Message tensor = Message().number(1, kFloat32).message(2, shape);
  return Message().text(1, name).message(2, Message().message(1, tensor));
}

inline Message scalar(const std::string& name, float value) {
  std::string raw(sizeof(float), '\0');
  std::memcpy(raw.data(), &value, sizeof(float));
  return Message().number(2, kFloat32).text(8, name).text(9, raw);
}

inline Message node(const std::string& op, const std::string& a, const std::string& b,
                    const std::string& out) {
  return Message().text(1, a).text(1, b).text(2, out).text(4, op);
}

// y = x * 3 + 0.5 over (batch, 4).
inline std::string scale_model() {
  Message graph;
  graph.message(1, node("Mul", "x", "scale", "scaled"))
      .message(1, node("Add", "scaled", "offset", "y"))
      .text(2, "graph")
      .message(5, scalar("scale", 3))
      .message(5, scalar("offset", 0.5F))
      .message(11, value_info("x"))
      .message(12, value_info("y"));
  Message model;
  model.number(1, 8).message(7, graph).message(8, Message().text(1, "").number(2, 17));
  return model.bytes;
}

inline std::unique_ptr<OnnxSession> open_session(const std::string& model, SessionSettings settings = {}) {
  settings.intra_op_threads = 1;
  const SessionLoad load(runtime());
  return std::make_unique<OnnxSession>(runtime(), Model{"", model.data(), model.size()}, settings, load);
}

inline Bound bound(std::vector<float>& values, int gpu = -1) {
  Bound result;
  result.data = values.data();
  result.bytes = values.size() * sizeof(float);
  result.shape = {static_cast<std::int64_t>(values.size() / 4), 4};
  result.type = kFloat32;
  result.gpu = gpu;
  return result;
}

}  // namespace flowstate::tensor::ort::test
