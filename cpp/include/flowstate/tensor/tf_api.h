// The part of TensorFlow's C API that registers an operation and makes a tensor over memory of ours: declared here by
// hand, resolved by name in the TensorFlow that the process has already loaded (tfjs-node's own). No header of
// TensorFlow is needed, none is linked, and a second TensorFlow never comes into the process.
//
// Stable since TensorFlow 2.4 (c/ops.h, c/kernels.h, c/tf_tensor.h); opaque types differ here in name only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace flowstate::tensor {

struct TfStatus;
struct TfTensor;
struct TfOpBuilder;
struct TfShapeContext;
struct TfKernelBuilder;
struct TfKernelConstruction;
struct TfKernelContext;

// TF_DataType, of which tfjs has tensors.
enum class TfType : int { kFloat = 1, kInt32 = 3, kBool = 10 };

// TF_Code.
inline constexpr int kTfOk = 0;
inline constexpr int kTfInvalidArgument = 3;
inline constexpr int kTfFailedPrecondition = 9;
inline constexpr int kTfInternal = 13;

using TfDeallocator = void (*)(void* data, std::size_t bytes, void* argument);

// FS_TF_FUNCTIONS(X) lists X(member, TF_Symbol, result, parameters).
#define FS_TF_FUNCTIONS(X)                                                                          \
  X(new_status, TF_NewStatus, TfStatus*, ())                                                        \
  X(delete_status, TF_DeleteStatus, void, (TfStatus*))                                              \
  X(set_status, TF_SetStatus, void, (TfStatus*, int, const char*))                                  \
  X(get_code, TF_GetCode, int, (const TfStatus*))                                                   \
  X(message, TF_Message, const char*, (const TfStatus*))                                            \
  X(new_op, TF_NewOpDefinitionBuilder, TfOpBuilder*, (const char*))                                 \
  X(add_input, TF_OpDefinitionBuilderAddInput, void, (TfOpBuilder*, const char*))                   \
  X(add_output, TF_OpDefinitionBuilderAddOutput, void, (TfOpBuilder*, const char*))                 \
  X(add_attribute, TF_OpDefinitionBuilderAddAttr, void, (TfOpBuilder*, const char*))                \
  X(set_stateful, TF_OpDefinitionBuilderSetIsStateful, void, (TfOpBuilder*, bool))                  \
  X(set_shape_function, TF_OpDefinitionBuilderSetShapeInferenceFunction, void,                      \
    (TfOpBuilder*, void (*)(TfShapeContext*, TfStatus*)))                                           \
  X(register_op, TF_RegisterOpDefinition, void, (TfOpBuilder*, TfStatus*))                          \
  X(set_unknown_shape, TF_ShapeInferenceContextSetUnknownShape, void, (TfShapeContext*, TfStatus*)) \
  X(new_kernel, TF_NewKernelBuilder, TfKernelBuilder*,                                              \
    (const char*, const char*, void* (*)(TfKernelConstruction*), void (*)(void*, TfKernelContext*), \
     void (*)(void*)))                                                                              \
  X(set_host_memory, TF_KernelBuilder_HostMemory, void, (TfKernelBuilder*, const char*))            \
  X(register_kernel, TF_RegisterKernelBuilder, void, (const char*, TfKernelBuilder*, TfStatus*))    \
  X(get_input, TF_GetInput, void, (TfKernelContext*, int, TfTensor**, TfStatus*))                   \
  X(set_output, TF_SetOutput, void, (TfKernelContext*, int, const TfTensor*, TfStatus*))            \
  X(output_type, TF_ExpectedOutputDataType, int, (TfKernelContext*, int))                           \
  X(fail, TF_OpKernelContext_Failure, void, (TfKernelContext*, TfStatus*))                          \
  X(new_tensor, TF_NewTensor, TfTensor*,                                                            \
    (int, const std::int64_t*, int, void*, std::size_t, TfDeallocator, void*))                      \
  X(delete_tensor, TF_DeleteTensor, void, (TfTensor*))                                              \
  X(tensor_data, TF_TensorData, void*, (const TfTensor*))                                           \
  X(tensor_bytes, TF_TensorByteSize, std::size_t, (const TfTensor*))

struct TfApi {
#define FS_TF_MEMBER(member, symbol, result, parameters) result(*member) parameters = nullptr;
  FS_TF_FUNCTIONS(FS_TF_MEMBER)
#undef FS_TF_MEMBER
  // The library that was found.
  std::string path;
};

// The TensorFlow of this process, which then stays loaded. Throws DEPENDENCY_MISSING where none is loaded, or where it
// lacks a function, which the message names.
TfApi resolve_tensorflow();

}  // namespace flowstate::tensor
