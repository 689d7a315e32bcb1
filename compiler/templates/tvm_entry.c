/* What model.so has beside the network. Filled in by tvm_module.py.
 *
 * The entries that TVM's runtime looks for: `main` takes the inputs, then the outputs, as tensors of the sizes that
 * the network has; `profile` does the same kernel by kernel, by the clock. Both compute in memory of the library's
 * own: one call at a time. For whoever loads the file without TVM,
 * the network under names that are the same for all. */

#include <tvm/ffi/c_api.h>

/* Weak: whoever does without TVM can load the library too. */
#pragma weak TVMFFIErrorSetRaisedFromCStr

#define API __attribute__((visibility("default")))

void ${name}_run(const void *const in[], void *const out[], void *workspace);
void ${name}_run_kernel(int32_t number, const void *const in[], void *const out[], void *workspace);

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

/* The processor's counter, which runs at one speed whatever its clock does. */
static int64_t ticks(void) {
#if defined(__aarch64__)
  int64_t now;
  __asm__ volatile("isb\n mrs %0, cntvct_el0" : "=r"(now)::"memory");
  return now;
#else
  return (int64_t)__builtin_ia32_rdtsc();
#endif
}

static const DLTensor *tensor_of(const TVMFFIAny *argument) {
  if (argument->type_index == kTVMFFITensor)
    return (const DLTensor *)((const char *)argument->v_obj + sizeof(TVMFFIObject));
  return argument->type_index == kTVMFFIDLTensorPtr ? argument->v_ptr : NULL;
}

static unsigned char workspace[$workspace_bytes + 1] __attribute__((aligned($alignment)));

/* The data of the network's tensors; 0, or -1 if they are others. */
static int read_tensors(const TVMFFIAny *arguments, void *data[]) {
  for (int32_t i = 0; i < $inputs + $outputs; ++i) {
    const DLTensor *tensor = tensor_of(&arguments[i]);
    if (!tensor) return refuse("main takes tensors only");
    uint64_t bytes = tensor->dtype.bits * tensor->dtype.lanes / 8;
    for (int32_t axis = 0; axis < tensor->ndim; ++axis) bytes *= (uint64_t)tensor->shape[axis];
    if (bytes != armlet_sizes[i]) return refuse("a tensor is not of the network's size");
    data[i] = (char *)tensor->data + tensor->byte_offset;
  }
  return 0;
}

API int __tvm_ffi_main(void *self, const TVMFFIAny *arguments, int32_t count, TVMFFIAny *result) {
  (void)self, (void)result;
  void *data[$inputs + $outputs];
  if (count != $inputs + $outputs) return refuse("main takes the network's inputs, then its outputs");
  if (read_tensors(arguments, data)) return -1;
  ${name}_run((const void *const *)data, data + $inputs, workspace);
  return 0;
}

/* As `main`; and into one more tensor, int64, how many ticks each call of a kernel took. */
API int __tvm_ffi_profile(void *self, const TVMFFIAny *arguments, int32_t count, TVMFFIAny *result) {
  (void)self, (void)result;
  void *data[$inputs + $outputs];
  if (count != $inputs + $outputs + 1) return refuse("profile takes what main does, and a tensor of ticks");
  if (read_tensors(arguments, data)) return -1;
  const DLTensor *taken = tensor_of(&arguments[count - 1]);
  if (!taken || taken->ndim != 1 || taken->shape[0] != $calls || taken->dtype.bits != 64)
    return refuse("profile puts its ticks in a tensor of $calls int64");
  for (int32_t call = 0; call < $calls; ++call) {
    int64_t start = ticks();
    ${name}_run_kernel(call, (const void *const *)data, data + $inputs, workspace);
    ((int64_t *)((char *)taken->data + taken->byte_offset))[call] = ticks() - start;
  }
  return 0;
}
