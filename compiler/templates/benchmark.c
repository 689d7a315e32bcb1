/* Times $name on one core of this processor:
 *
 *   cc -O2 benchmark.c lib$name.a -o benchmark && ./benchmark --core 0 --kernels
 *
 * All times are wall-clock microseconds. With --kernels, each round computes the network kernel by kernel, so that
 * a kernel finds its weights as far away as it does in the network. */
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "$name.h"

static const char USAGE[] = "[--core N] [--warm-up N] [--rounds N] [--kernels] [--samples]";

struct options {
  long core, warm_up, rounds;
  int kernels, samples;
};

struct network {
  const void *in[${NAME}_INPUTS];
  void *out[${NAME}_OUTPUTS], *workspace;
};

static void fail(const char *why, const char *detail, int code) {
  fprintf(stderr, "benchmark: %s%s\n", why, detail);
  exit(code);
}

static void *allocate(size_t bytes) {
  void *memory;
  if (posix_memalign(&memory, ${NAME}_WORKSPACE_ALIGNMENT, bytes)) fail("out of memory", "", 1);
  memset(memory, 0, bytes);
  return memory;
}

static struct options parse(int argc, char **argv) {
  struct options options = {-1, 5, 50, 0, 0};
  for (int i = 1; i < argc; ++i) {
    long *number = !strcmp(argv[i], "--core")      ? &options.core
                   : !strcmp(argv[i], "--warm-up") ? &options.warm_up
                   : !strcmp(argv[i], "--rounds")  ? &options.rounds
                                                   : NULL;
    if (number) {
      char *end = argv[i];
      if (++i < argc) *number = strtol(argv[i], &end, 10);
      if (i >= argc || end == argv[i] || *end || *number < (number == &options.rounds) || *number > 1000000)
        fail("usage: benchmark ", USAGE, 2);
    } else if (!strcmp(argv[i], "--kernels")) {
      options.kernels = 1;
    } else if (!strcmp(argv[i], "--samples")) {
      options.samples = 1;
    } else {
      fail("usage: benchmark ", USAGE, 2);
    }
  }
  return options;
}

static void pin_to(long core) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  if (core < CPU_SETSIZE) CPU_SET((size_t)core, &cores);
  if (sched_setaffinity(0, sizeof cores, &cores)) fail("this processor has no such core for us", "", 1);
}

/* Bytes of any value; floats between -1 and 1: neither zeros nor subnormal numbers, which some processors compute at
 * another speed. */
static void *random_input(const char *type, size_t bytes) {
  const int is_float = !strcmp(type, "float32");
  uint8_t *data = allocate(bytes);
  uint32_t random = 1;
  for (size_t i = 0; i < (is_float ? bytes / sizeof(float) : bytes); ++i) {
    random = random * 1664525 + 1013904223;
    if (is_float)
      ((float *)(void *)data)[i] = (float)(random >> 8) / (1 << 23) - 1;
    else
      data[i] = (uint8_t)(random >> 24);
  }
  return data;
}

static struct network prepare(void) {
  static const char *const types[] = ${NAME}_INPUT_TYPES;
  const size_t in_bytes[] = ${NAME}_INPUT_BYTES, out_bytes[] = ${NAME}_OUTPUT_BYTES;
  struct network network;
  for (int i = 0; i < ${NAME}_INPUTS; ++i) network.in[i] = random_input(types[i], in_bytes[i]);
  for (int i = 0; i < ${NAME}_OUTPUTS; ++i) network.out[i] = allocate(out_bytes[i]);
  network.workspace = allocate(${NAME}_WORKSPACE_BYTES);
  return network;
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return 1e6 * (double)time.tv_sec + 1e-3 * (double)time.tv_nsec;
}

static int in_order(const void *left, const void *right) {
  const double a = *(const double *)left, b = *(const double *)right;
  return (a > b) - (a < b);
}

static void report(const char *name, const double *times, long rounds, int samples) {
  double *sorted = allocate((size_t)rounds * sizeof *sorted);
  memcpy(sorted, times, (size_t)rounds * sizeof *sorted);
  qsort(sorted, (size_t)rounds, sizeof *sorted, in_order);
  printf("%10.1f %10.1f  %s\n", sorted[0], (sorted[(rounds - 1) / 2] + sorted[rounds / 2]) / 2, name);
  for (long round = 0; samples && round < rounds; ++round)
    printf("%.1f%c", times[round], round + 1 < rounds ? ' ' : '\n');
  free(sorted);
}

int main(int argc, char **argv) {
  static const char *const names[] = ${NAME}_KERNEL_NAMES;
  const struct options options = parse(argc, argv);
  if (!${name}_supported()) fail("this processor lacks what $name needs: ", ${NAME}_NEEDS, 1);
  if (strcmp(${name}_version(), ${NAME}_VERSION)) fail("the library is not that of $name.h: ", ${name}_version(), 1);
  if (options.core >= 0) pin_to(options.core);
  const struct network it = prepare();
  double *times = allocate((size_t)options.rounds * sizeof *times * (1 + ${NAME}_KERNELS));

  for (long round = -options.warm_up; round < options.rounds; ++round) {
    const double start = now();
    ${name}_run(it.in, it.out, it.workspace);
    if (round >= 0) times[round] = now() - start;
  }
  printf("$name %s, %ld rounds after %ld, in microseconds\n", ${NAME}_VERSION, options.rounds, options.warm_up);
  printf("   minimum     median\n");
  report("the network", times, options.rounds, options.samples);
  if (!options.kernels) return 0;

  for (long round = -options.warm_up; round < options.rounds; ++round)
    for (int32_t kernel = 0; kernel < ${NAME}_KERNELS; ++kernel) {
      const double start = now();
      ${name}_run_kernel(kernel, it.in, it.out, it.workspace);
      if (round >= 0) times[(1 + kernel) * options.rounds + round] = now() - start;
    }
  for (int32_t kernel = 0; kernel < ${NAME}_KERNELS; ++kernel)
    report(names[kernel], times + (1 + kernel) * options.rounds, options.rounds, options.samples);
  return 0;
}
