/* Computes $name once, from files and to files that hold tensors as they lie in memory:
 *
 *   cc example.c lib$name.a -o example && ./example INPUT... OUTPUT... */
#define _POSIX_C_SOURCE 200112L
#include <stdio.h>
#include <stdlib.h>

#include "$name.h"

static int fail(const char *why) {
  fprintf(stderr, "example: %s\n", why);
  return 1;
}

int main(int argc, char **argv) {
  const size_t in_bytes[] = ${NAME}_INPUT_BYTES, out_bytes[] = ${NAME}_OUTPUT_BYTES;
  const void *in[${NAME}_INPUTS];
  void *out[${NAME}_OUTPUTS], *workspace;
  if (argc != 1 + ${NAME}_INPUTS + ${NAME}_OUTPUTS) return fail("usage: example INPUT... OUTPUT...");
  if (!${name}_supported()) return fail("this processor lacks what $name needs: " ${NAME}_NEEDS);
  for (int i = 0; i < ${NAME}_INPUTS; ++i) {
    FILE *file = fopen(argv[1 + i], "rb");
    void *data = malloc(in_bytes[i]);
    if (!file || !data || fread(data, 1, in_bytes[i], file) != in_bytes[i]) return fail("an input cannot be read");
    fclose(file);
    in[i] = data;
  }
  for (int i = 0; i < ${NAME}_OUTPUTS; ++i)
    if (!(out[i] = malloc(out_bytes[i]))) return fail("out of memory");
  if (posix_memalign(&workspace, ${NAME}_WORKSPACE_ALIGNMENT, ${NAME}_WORKSPACE_BYTES)) return fail("out of memory");
  ${name}_run(in, out, workspace);
  for (int i = 0; i < ${NAME}_OUTPUTS; ++i) {
    FILE *file = fopen(argv[1 + ${NAME}_INPUTS + i], "wb");
    if (!file || fwrite(out[i], 1, out_bytes[i], file) != out_bytes[i] || fclose(file))
      return fail("an output cannot be written");
  }
  return 0;
}
