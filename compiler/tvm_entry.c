/* The entry that TVM's runtime looks for in a library: `main` takes the inputs, then the outputs, as tensors of the
 * sizes that the network has. It computes in memory of its own: one call at a time. */

#include <tvm/ffi/c_api.h>

/* Weak: whoever does without TVM can load the library too. */
#pragma weak TVMFFIErrorSetRaisedFromCStr

extern const int32_t armlet_inputs, armlet_outputs;
extern const uint64_t armlet_sizes[];
extern unsigned char armlet_tvm_workspace[];
void armlet_run(void *const in[], void *const out[], void *workspace);

enum { MOST = 64 };

static int refuse(const char *message) {
  TVMFFIErrorSetRaisedFromCStr("ValueError", message);
  return -1;
}

static const DLTensor *tensor_of(const TVMFFIAny *argument) {
  if (argument->type_index == kTVMFFITensor)
    return (const DLTensor *)((const char *)argument->v_obj + sizeof(TVMFFIObject));
  return argument->type_index == kTVMFFIDLTensorPtr ? argument->v_ptr : NULL;
}

__attribute__((visibility("default"))) int __tvm_ffi_main(void *self, const TVMFFIAny *arguments, int32_t count,
                                                          TVMFFIAny *result) {
  (void)self, (void)result;
  void *data[MOST];
  if (count > MOST || count != armlet_inputs + armlet_outputs)
    return refuse("main takes the network's inputs, then its outputs");
  for (int32_t i = 0; i < count; ++i) {
    const DLTensor *tensor = tensor_of(&arguments[i]);
    if (!tensor) return refuse("main takes tensors only");
    uint64_t bytes = tensor->dtype.bits * tensor->dtype.lanes / 8;
    for (int32_t axis = 0; axis < tensor->ndim; ++axis) bytes *= (uint64_t)tensor->shape[axis];
    if (bytes != armlet_sizes[i]) return refuse("a tensor is not of the network's size");
    data[i] = (char *)tensor->data + tensor->byte_offset;
  }
  armlet_run(data, data + armlet_inputs, armlet_tvm_workspace);
  return 0;
}
