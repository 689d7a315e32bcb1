/* What model.so has beside the network. Filled in by tvm_module.py.
 *
 * The entry that TVM's runtime looks for: `main` takes the inputs, then the outputs, as tensors of the sizes that
 * the network has. It computes in memory of its own: one call at a time. For whoever loads the file without TVM,
 * the network under names that are the same for all. */

#include <tvm/ffi/c_api.h>

/* Weak: whoever does without TVM can load the library too. */
#pragma weak TVMFFIErrorSetRaisedFromCStr

#define API __attribute__((visibility("default")))

void ${name}_run(const void *const in[], void *const out[], void *workspace);

/* Shapes and types, for whoever has the file: a section of its own. */
API const char armlet_signature[] __attribute__((section(".armlet"))) = $signature;
API const int32_t armlet_inputs = $inputs, armlet_outputs = $outputs;
/* The bytes of each input, then of each output. */
API const uint64_t armlet_sizes[] = {$sizes};
API const uint64_t armlet_workspace_bytes = $workspace_bytes;

API void armlet_run(const void *const in[], void *const out[], void *workspace) {
  ${name}_run(in, out, workspace);
}

static int refuse(const char *message) {
  TVMFFIErrorSetRaisedFromCStr("ValueError", message);
  return -1;
}

static const DLTensor *tensor_of(const TVMFFIAny *argument) {
  if (argument->type_index == kTVMFFITensor)
    return (const DLTensor *)((const char *)argument->v_obj + sizeof(TVMFFIObject));
  return argument->type_index == kTVMFFIDLTensorPtr ? argument->v_ptr : NULL;
}

API int __tvm_ffi_main(void *self, const TVMFFIAny *arguments, int32_t count, TVMFFIAny *result) {
  (void)self, (void)result;
  static unsigned char workspace[$workspace_bytes + 1] __attribute__((aligned($alignment)));
  void *data[$inputs + $outputs];
  if (count != $inputs + $outputs) return refuse("main takes the network's inputs, then its outputs");
  for (int32_t i = 0; i < count; ++i) {
    const DLTensor *tensor = tensor_of(&arguments[i]);
    if (!tensor) return refuse("main takes tensors only");
    uint64_t bytes = tensor->dtype.bits * tensor->dtype.lanes / 8;
    for (int32_t axis = 0; axis < tensor->ndim; ++axis) bytes *= (uint64_t)tensor->shape[axis];
    if (bytes != armlet_sizes[i]) return refuse("a tensor is not of the network's size");
    data[i] = (char *)tensor->data + tensor->byte_offset;
  }
  ${name}_run((const void *const *)data, data + $inputs, workspace);
  return 0;
}
