/* A network: ${functions_count} functions, called one after the other. Filled in by network.py. */

#include <stdint.h>

#define API __attribute__((visibility("default")))
#define W(offset) weights_at(offset)
#define A(offset) ((unsigned char *)workspace + (offset))

$functions

__asm__(".section .rodata\n.balign 64\nweights:\n.incbin \"weights.bin\"\n.text\n");
extern const unsigned char weights[] __attribute__((visibility("hidden")));

/* Where the base comes from is hidden from GCC: else it keeps addresses past the first megabyte in a table, which
 * would have to be relocated when the library is loaded. */
static inline const unsigned char *weights_at(uint64_t offset) {
  const unsigned char *base = weights;
  __asm__("" : "+r"(base));
  return base + offset;
}

API const char *${name}_version(void) { return "$version"; }

API void ${name}_run_kernel(int32_t number, const void *const in[], void *const out[], void *workspace) {
  (void)in, (void)out, (void)workspace;
  switch (number) {
$cases
  }
}

API void ${name}_run(const void *const in[], void *const out[], void *workspace) {
  (void)in, (void)out, (void)workspace;
$calls
}
