#include "tensor/fake_tf.h"

#include <cstring>

namespace flowstate::tensor::test {

FakeTf& fake_tf() {
  static FakeTf* const tf = new FakeTf();
  return *tf;
}

void unref(TfTensor* tensor) {
  if (tensor->references.fetch_sub(1) != 1) return;
  if (tensor->deallocator != nullptr) tensor->deallocator(tensor->data, tensor->bytes, tensor->argument);
  delete tensor;
}

namespace {

TfTensor* new_tensor(int type, const std::int64_t* shape, int axes, void* data, std::size_t bytes,
                     TfDeallocator deallocator, void* argument) {
  if (fake_tf().refuses_tensors) {
    deallocator(data, bytes, argument);
    return nullptr;
  }
  auto* const tensor = new TfTensor;
  tensor->type = type;
  tensor->shape.assign(shape, shape + axes);
  tensor->bytes = bytes;
  if (fake_tf().copies) {
    tensor->own.assign(static_cast<std::uint8_t*>(data), static_cast<std::uint8_t*>(data) + bytes);
    tensor->data = tensor->own.data();
    deallocator(data, bytes, argument);
    return tensor;
  }
  tensor->data = data;
  tensor->deallocator = deallocator;
  tensor->argument = argument;
  return tensor;
}

}  // namespace

TfApi fake_api() {
  TfApi api;
  api.path = "a test's own";
  api.new_status = [] { return new TfStatus; };
  api.delete_status = [](TfStatus* status) { delete status; };
  api.set_status = [](TfStatus* status, int code, const char* message) { *status = {code, message}; };
  api.get_code = [](const TfStatus* status) { return status->code; };
  api.message = [](const TfStatus* status) { return status->message.c_str(); };
  api.new_op = [](const char* name) {
    auto* const op = new TfOpBuilder;
    op->name = name;
    return op;
  };
  api.add_input = [](TfOpBuilder* op, const char* spec) { op->inputs.emplace_back(spec); };
  api.add_output = [](TfOpBuilder* op, const char* spec) { op->outputs.emplace_back(spec); };
  api.add_attribute = [](TfOpBuilder* op, const char* spec) { op->attributes.emplace_back(spec); };
  api.set_stateful = [](TfOpBuilder* op, bool is_stateful) { op->is_stateful = is_stateful; };
  api.set_shape_function = [](TfOpBuilder* op, void (*function)(TfShapeContext*, TfStatus*)) {
    op->infer_shape = function;
  };
  api.register_op = [](TfOpBuilder* op, TfStatus* status) {
    if (!fake_tf().ops.emplace(op->name, op).second) *status = {kTfInternal, "registered twice"};
  };
  api.set_unknown_shape = [](TfShapeContext*, TfStatus* status) { *status = {kTfOk, "unknown shape"}; };
  api.new_kernel = [](const char* name, const char* device, void* (*create)(TfKernelConstruction*),
                      void (*compute)(void*, TfKernelContext*), void (*)(void*)) {
    auto* const kernel = new TfKernelBuilder;
    kernel->name = name;
    kernel->device = device;
    kernel->create = create;
    kernel->compute = compute;
    return kernel;
  };
  api.set_host_memory = [](TfKernelBuilder* kernel, const char* argument) {
    kernel->host_memory.emplace_back(argument);
  };
  api.register_kernel = [](const char* name, TfKernelBuilder* kernel, TfStatus*) {
    fake_tf().kernels.emplace(name, kernel);
  };
  api.get_input = [](TfKernelContext* context, int index, TfTensor** tensor, TfStatus* status) {
    if (index != 0 || context->input == nullptr) {
      *status = {kTfInvalidArgument, "no such input"};
      return;
    }
    context->input->references.fetch_add(1);
    *tensor = context->input;
  };
  api.set_output = [](TfKernelContext* context, int, const TfTensor* tensor, TfStatus* status) {
    if (fake_tf().refuses_outputs) {
      *status = {kTfInternal, "no output today"};
      return;
    }
    context->output = const_cast<TfTensor*>(tensor);
    context->output->references.fetch_add(1);
  };
  api.output_type = [](TfKernelContext* context, int) { return context->type; };
  api.fail = [](TfKernelContext* context, TfStatus* status) { context->status = *status; };
  api.new_tensor = &new_tensor;
  api.delete_tensor = &unref;
  api.tensor_data = [](const TfTensor* tensor) { return tensor->data; };
  api.tensor_bytes = [](const TfTensor* tensor) { return tensor->bytes; };
  return api;
}

Ran run(const std::string& op, std::vector<std::int32_t> numbers, TfType type) {
  const TfKernelBuilder& kernel = *fake_tf().kernels.at(op);
  auto* const input = new TfTensor;
  input->data = numbers.data();
  input->bytes = numbers.size() * sizeof(std::int32_t);
  TfKernelContext context;
  context.input = input;
  context.type = static_cast<int>(type);
  kernel.compute(kernel.create(nullptr), &context);
  unref(input);
  return {context.output, context.status.code, context.status.message};
}

}  // namespace flowstate::tensor::test
