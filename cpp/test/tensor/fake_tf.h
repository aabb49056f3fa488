// A TensorFlow that is a table of functions: what it registers can be run here, and it can be told to refuse or to copy,
// which the real one does only for reasons that a test cannot give it.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "flowstate/tensor/tf_api.h"

namespace flowstate::tensor {

// The opaque types, as this one has them.
struct TfStatus {
  int code = kTfOk;
  std::string message;
};
struct TfTensor {
  std::atomic<int> references{1};
  int type = 0;
  std::vector<std::int64_t> shape;
  void* data = nullptr;
  std::size_t bytes = 0;
  TfDeallocator deallocator = nullptr;
  void* argument = nullptr;
  std::vector<std::uint8_t> own;
};
struct TfOpBuilder {
  std::string name;
  std::vector<std::string> inputs, outputs, attributes;
  bool is_stateful = false;
  void (*infer_shape)(TfShapeContext*, TfStatus*) = nullptr;
};
struct TfKernelBuilder {
  std::string name, device;
  std::vector<std::string> host_memory;
  void* (*create)(TfKernelConstruction*) = nullptr;
  void (*compute)(void*, TfKernelContext*) = nullptr;
};
struct TfKernelContext {
  TfTensor* input = nullptr;
  int type = 0;
  TfTensor* output = nullptr;
  TfStatus status;
};

}  // namespace flowstate::tensor

namespace flowstate::tensor::test {

struct FakeTf {
  std::map<std::string, std::unique_ptr<TfOpBuilder>> ops;
  std::map<std::string, std::unique_ptr<TfKernelBuilder>> kernels;
  // What it does to the next tensors, one at a time: tests that use these are alone.
  bool copies = false;
  bool refuses_tensors = false;
  bool refuses_outputs = false;
};

// Of the process, like the registration.
FakeTf& fake_tf();
TfApi fake_api();

void unref(TfTensor* tensor);

// Runs an operation with these numbers as its input: a tensor with one reference, or null with the status.
struct Ran {
  TfTensor* tensor = nullptr;
  int code = kTfOk;
  std::string message;
};
Ran run(const std::string& op, std::vector<std::int32_t> numbers, TfType type = TfType::kFloat);

}  // namespace flowstate::tensor::test
