#include "flowstate/tensor/tf_alias.h"

#include <cstring>
#include <mutex>
#include <utility>

#include "flowstate/error.h"
#include "flowstate/tensor/alias_table.h"

#if !defined(_WIN32)
#include <dlfcn.h>
#endif

namespace flowstate::tensor {

namespace {

// TensorFlow's kernels are plain functions, so what they need is where they find it: here. Set once, before they
// exist, and never freed.
struct Registered {
  TfApi api;
  AliasOps ops;
  std::string failure;
};
std::mutex registration;
Registered* registered = nullptr;

// TensorFlow keeps pointers to functions of this library: it must stay, also when the last thread of Node's that had
// loaded it has ended.
void stay_loaded() {
#if !defined(_WIN32)
  Dl_info info;
  if (dladdr(reinterpret_cast<void*>(&stay_loaded), &info) != 0 && info.dli_fname != nullptr) {
    dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
  }
#endif
}

class Status {
 public:
  explicit Status(const TfApi& api) : api_(api), status_(api.new_status()) {}
  ~Status() { api_.delete_status(status_); }
  Status(const Status&) = delete;
  Status& operator=(const Status&) = delete;
  TfStatus* get() const { return status_; }
  bool is_ok() const { return api_.get_code(status_) == kTfOk; }
  void set(int code, const char* message) { api_.set_status(status_, code, message); }
  void require_ok(const char* what) const {
    if (is_ok()) return;
    throw Error(ErrorCode::INTERNAL,
                std::string("TensorFlow refused ") + what + ": " + api_.message(status_));
  }

 private:
  const TfApi& api_;
  TfStatus* status_;
};

void deallocate(void*, std::size_t, void* owner) {
  alias_table().give_back(std::unique_ptr<AliasOwner>(static_cast<AliasOwner*>(owner)));
}

const char* why_not(AliasTable::Taken taken) {
  switch (taken) {
    case AliasTable::Taken::kOtherType:
      return "flowstate: the tensor of this handle has another type";
    case AliasTable::Taken::kOtherMemory:
      return "flowstate: the tensor of this handle is in the memory of another device";
    default:
      return "flowstate: no tensor waits under this handle; it was taken or given up before";
  }
}

bool read_handle(const TfApi& api, TfKernelContext* context, Status& status, AliasHandle& handle) {
  TfTensor* input = nullptr;
  api.get_input(context, 0, &input, status.get());
  if (!status.is_ok()) return false;
  const bool is_whole = api.tensor_bytes(input) == sizeof(std::int32_t) * 2;
  if (is_whole) {
    std::int32_t numbers[2];
    std::memcpy(numbers, api.tensor_data(input), sizeof(numbers));
    handle = {numbers[0], numbers[1]};
  } else {
    status.set(kTfInvalidArgument, "flowstate: expected a handle of two int32");
  }
  api.delete_tensor(input);
  return is_whole;
}

void compute(TfKernelContext* context, bool on_gpu) {
  const TfApi& api = registered->api;
  Status status(api);
  const auto fail = [&] { api.fail(context, status.get()); };
  AliasHandle handle;
  if (!read_handle(api, context, status, handle)) return fail();
  Alias alias;
  const AliasTable::Taken taken = alias_table().take(handle, api.output_type(context, 0), on_gpu, alias);
  if (taken != AliasTable::Taken::kTaken) {
    status.set(kTfFailedPrecondition, why_not(taken));
    return fail();
  }
  // From here on the owner is TensorFlow's: its deallocator runs whatever happens.
  TfTensor* const tensor =
      api.new_tensor(alias.type, alias.shape.data(), static_cast<int>(alias.shape.size()), alias.data,
                     alias.bytes, &deallocate, alias.owner.release());
  if (tensor == nullptr) {
    status.set(kTfInvalidArgument, "flowstate: TensorFlow takes no tensor of this shape");
    return fail();
  }
  if (alias.bytes > 0 && api.tensor_data(tensor) != alias.data) {
    status.set(kTfInternal, "flowstate: TensorFlow copied the memory that it was to share");
    fail();
  } else {
    api.set_output(context, 0, tensor, status.get());
    if (!status.is_ok()) fail();
  }
  api.delete_tensor(tensor);
}

void* create(TfKernelConstruction*) { return nullptr; }
void destroy(void*) {}
void compute_host(void*, TfKernelContext* context) { compute(context, false); }
void compute_gpu(void*, TfKernelContext* context) { compute(context, true); }
// Only the slot knows the shape.
void infer_shape(TfShapeContext* context, TfStatus* status) {
  registered->api.set_unknown_shape(context, status);
}

void register_one(const TfApi& api, const std::string& name, const char* types, const char* device,
                  void (*function)(void*, TfKernelContext*)) {
  const Status status(api);
  TfOpBuilder* const op = api.new_op(name.c_str());
  api.add_attribute(op, types);
  api.add_input(op, "handle: int32");
  api.add_output(op, "out: T");
  // The same handle means another tensor later: it must be neither folded nor merged with its like.
  api.set_stateful(op, true);
  api.set_shape_function(op, &infer_shape);
  api.register_op(op, status.get());
  status.require_ok("an operation");
  TfKernelBuilder* const kernel = api.new_kernel(name.c_str(), device, &create, function, &destroy);
  api.set_host_memory(kernel, "handle");
  api.register_kernel(name.c_str(), kernel, status.get());
  status.require_ok("a kernel");
}

// Several copies of this library may be in one process, and TensorFlow ends it where one name is registered twice.
std::string unique_name() {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string name = "FlowStateAlias";
  for (auto rest = reinterpret_cast<std::uintptr_t>(&registration); rest != 0; rest >>= 4) {
    name += kDigits[rest & 15];
  }
  return name;
}

}  // namespace

const AliasOps& register_alias_ops(const TfApi& api) {
  const std::lock_guard lock(registration);
  if (registered == nullptr) {
    stay_loaded();
    registered = new Registered{api, {unique_name() + "Host", unique_name() + "Gpu", api.path}, {}};
    try {
      register_one(api, registered->ops.host_name, "T: {float, int32, bool}", "CPU", &compute_host);
      register_one(api, registered->ops.gpu_name, "T: {float, bool}", "GPU", &compute_gpu);
    } catch (const Error& error) {
      // No second try: a name that TensorFlow has taken cannot be registered again.
      registered->failure = error.what();
    }
  }
  if (!registered->failure.empty()) throw Error(ErrorCode::INTERNAL, registered->failure);
  return registered->ops;
}

const AliasOps& attach_tensorflow() {
  bool is_registered = false;
  {
    const std::lock_guard lock(registration);
    is_registered = registered != nullptr;
  }
  return register_alias_ops(is_registered ? registered->api : resolve_tensorflow());
}

}  // namespace flowstate::tensor
