/* A network: ${functions_count} functions, called one after the other. Filled in by library.py. */

#include <stddef.h>
#include <stdint.h>

#define API __attribute__((visibility("default")))
#define W(offset) ((void *)(weights + (offset)))
#define A(offset) ((void *)((unsigned char *)workspace + (offset)))

$functions

__asm__(".section .rodata\n.balign 64\nweights:\n.incbin \"weights.bin\"\n.text\n");
extern const unsigned char weights[] __attribute__((visibility("hidden")));

/* Shapes and types, for whoever has the file: a section of its own. */
API const char armlet_signature[] __attribute__((section(".armlet"))) = $signature;
API const int32_t armlet_inputs = $inputs, armlet_outputs = $outputs, armlet_kernels = $kernels;
/* The bytes of each input, then of each output. */
API const uint64_t armlet_sizes[] = {$sizes};
API const uint64_t armlet_workspace_bytes = $workspace_bytes;
/* For tvm_entry.c. */
unsigned char armlet_tvm_workspace[$workspace_bytes + 1] __attribute__((aligned(64)));

/* One kernel by its number, for profiles: after those before it, in the same workspace. */
API void armlet_run_kernel(int32_t number, void *const in[], void *const out[], void *workspace) {
  (void)in, (void)out, (void)workspace;
  switch (number) {
$cases
  }
}

/* The whole network. `workspace` has armlet_workspace_bytes, aligned to 64; calls with separate ones do not
 * disturb each other. */
API void armlet_run(void *const in[], void *const out[], void *workspace) {
  (void)in, (void)out, (void)workspace;
$calls
}
