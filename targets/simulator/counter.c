/* A TCG plugin for qemu-aarch64: how often one thread executes each translated block in a marked region, and
 * which block follows which.
 *
 *     qemu-aarch64 -plugin file=counter.so,out=FILE[,cache=CONFIG] PROGRAM ...
 *
 * The program marks the region by close(-777) and close(-778), which no other program calls and which cost it
 * nothing but an error. Counted is the thread that opened the region. A program that is interested in some of its
 * code only says so before, by close(-776) with the first address and the one after the last as second and third
 * argument: of the rest the instructions are added up, what they access is left alone, and addresses are relative
 * to that first one. FILE gets, in the order in which the blocks were first translated,
 *
 *     block ADDRESS EXECUTIONS WORD...      hexadecimal address and instructions
 *     edge ADDRESS ADDRESS TIMES            the last instruction of a block, the first of the one right after
 *     memory ADDRESS COUNT...               struct cache_counts of the block
 *     elsewhere INSTRUCTIONS                executed in the region, but not in the code of interest
 *
 * memory with CONFIG only: the bytes of a struct cache_config in hexadecimal. The region then finds every cache
 * empty.
 *
 * qemu ships no header for its plugins everywhere: the few functions used are declared here. Their interface
 * changed once, in what reads an instruction; VERSION is the one that the qemu at hand accepts.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache_model.h"

#define EXPORT __attribute__((visibility("default")))

typedef uint64_t plugin_id;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_info {
  const char *target_name;
  struct {
    int min, cur;
  } version;
};
typedef void syscall_callback(plugin_id, unsigned cpu, int64_t number, uint64_t a1, uint64_t a2, uint64_t a3,
                              uint64_t a4, uint64_t a5, uint64_t a6, uint64_t a7, uint64_t a8);

void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, void (*)(plugin_id, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *, void (*)(unsigned cpu, void *), int flags,
                                          void *);
void qemu_plugin_register_vcpu_syscall_cb(plugin_id, syscall_callback *);
void qemu_plugin_register_atexit_cb(plugin_id, void (*)(plugin_id, void *), void *);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *,
                                      void (*)(unsigned cpu, uint32_t info, uint64_t address, void *), int flags,
                                      int read_write, void *);
unsigned qemu_plugin_mem_size_shift(uint32_t info);
bool qemu_plugin_mem_is_store(uint32_t info);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
/* Until version 2 it returns where the bytes are; from 3 on it copies them. */
const void *qemu_plugin_insn_data();

EXPORT int qemu_plugin_version = VERSION;

/* Version 7 changes the arguments of callbacks. */
enum { NEWEST = 6 };

enum { SYSCALL_CLOSE = 57, ONLY = -776, BEGIN = -777, END = -778, NO_CPU = -1, NO_REGISTERS = 0, READS_AND_WRITES = 3 };

/* Each block executed in the region owns what it accesses. */
enum { OWNERS = 1 << 16 };

struct edge {
  struct block *to;
  uint64_t times;
};
struct block {
  uint64_t address, executions;
  uint32_t owner;
  size_t size, edge_count;
  uint32_t *words;
  struct edge *edges; /* a block has two successors, an indirect branch some more */
  struct block *next;
};

static struct block *first, **last = &first, *previous;
static int region_cpu = NO_CPU;
static uint64_t first_address, last_address = UINT64_MAX, elsewhere;
static bool copies_data;
static struct cache_config cache;
static struct cache_model *model;
static struct cache_client client;
static uint32_t owners;
static const char *output;

static void *checked(void *memory) {
  if (!memory) abort();
  return memory;
}

static void follow(struct block *from, struct block *to) {
  for (size_t i = 0; i < from->edge_count; ++i)
    if (from->edges[i].to == to) {
      ++from->edges[i].times;
      return;
    }
  from->edges = checked(realloc(from->edges, (from->edge_count + 1) * sizeof *from->edges));
  from->edges[from->edge_count++] = (struct edge){to, 1};
}

static uint32_t next_owner(void) {
  if (owners == OWNERS) {
    fprintf(stderr, "counter: the region executes more than %d blocks\n", OWNERS);
    exit(1);
  }
  return owners++;
}

static void on_execution(unsigned cpu, void *data) {
  if ((int)cpu != region_cpu) return;
  struct block *block = data;
  if (block->address < first_address || block->address > last_address) {
    elsewhere += block->size;
    previous = NULL;
    return;
  }
  if (!block->executions++ && model) block->owner = next_owner();
  if (previous) follow(previous, block);
  previous = block;
}

static void on_access(unsigned cpu, uint32_t info, uint64_t address, void *data) {
  if ((int)cpu != region_cpu) return;
  const struct block *block = data;
  if (block->address < first_address || block->address > last_address) return;
  client.owner = block->owner;
  cache_client_access(&client, address, 1u << qemu_plugin_mem_size_shift(info), qemu_plugin_mem_is_store(info));
}

static void on_translation(plugin_id id, struct qemu_plugin_tb *tb) {
  (void)id;
  struct block *block = checked(calloc(1, sizeof *block));
  block->address = qemu_plugin_tb_vaddr(tb);
  block->size = qemu_plugin_tb_n_insns(tb);
  block->words = checked(malloc(block->size * sizeof *block->words));
  for (size_t i = 0; i < block->size; ++i) {
    struct qemu_plugin_insn *instruction = qemu_plugin_tb_get_insn(tb, i);
    if (copies_data)
      qemu_plugin_insn_data(instruction, &block->words[i], sizeof *block->words);
    else
      memcpy(&block->words[i], qemu_plugin_insn_data(instruction), sizeof *block->words);
    if (model)
      qemu_plugin_register_vcpu_mem_cb(instruction, on_access, NO_REGISTERS, READS_AND_WRITES, block);
  }
  *last = block;
  last = &block->next;
  qemu_plugin_register_vcpu_tb_exec_cb(tb, on_execution, NO_REGISTERS, block);
}

static void on_syscall(plugin_id id, unsigned cpu, int64_t number, uint64_t descriptor, uint64_t a2, uint64_t a3,
                       uint64_t a4, uint64_t a5, uint64_t a6, uint64_t a7, uint64_t a8) {
  (void)id, (void)a4, (void)a5, (void)a6, (void)a7, (void)a8;
  if (number != SYSCALL_CLOSE) return;
  if ((int32_t)descriptor == ONLY) first_address = a2, last_address = a3 - 1;
  if ((int32_t)descriptor == BEGIN) region_cpu = (int)cpu;
  if ((int32_t)descriptor == END) region_cpu = NO_CPU;
  previous = NULL;
}

static void print_memory(FILE *file, const struct block *block) {
  struct cache_counts counts;
  cache_model_counts(model, block->owner, &counts);
  fprintf(file, "memory %lx", block->address - first_address);
  const uint64_t *fields = (const uint64_t *)counts.level;
  for (size_t i = 0; i < (cache.levels + 1) * sizeof *counts.level / sizeof *fields; ++i)
    fprintf(file, " %lu", fields[i]);
  fputc('\n', file);
}

static void parse_cache(const char *text) {
  unsigned char *bytes = (unsigned char *)&cache;
  for (size_t i = 0; i < sizeof cache; ++i)
    if (sscanf(text + 2 * i, "%2hhx", &bytes[i]) != 1) abort();
  cache.owners = OWNERS;
  client.model = model = checked(cache_model_new(&cache));
}

static void at_exit(plugin_id id, void *data) {
  (void)id, (void)data;
  FILE *file = checked(fopen(output, "w"));
  for (const struct block *block = first; block; block = block->next) {
    if (!block->executions) continue;
    fprintf(file, "block %lx %lu", block->address - first_address, block->executions);
    for (size_t i = 0; i < block->size; ++i) fprintf(file, " %08x", block->words[i]);
    fputc('\n', file);
    for (size_t i = 0; i < block->edge_count; ++i)
      fprintf(file, "edge %lx %lx %lu\n", block->address - first_address + (block->size - 1) * sizeof *block->words,
              block->edges[i].to->address - first_address, block->edges[i].times);
    if (model) print_memory(file, block);
  }
  fprintf(file, "elsewhere %lu\n", elsewhere);
  if (fclose(file)) abort();
}

EXPORT int qemu_plugin_install(plugin_id id, const struct qemu_info *info, int argc, char **argv) {
  for (int i = 0; i < argc; ++i) {
    if (!strncmp(argv[i], "out=", 4)) output = checked(strdup(argv[i] + 4));
    if (!strncmp(argv[i], "cache=", 6)) parse_cache(argv[i] + 6);
  }
  if (!output || strcmp(info->target_name, "aarch64") || info->version.cur > NEWEST) return -1;
  copies_data = info->version.cur >= 3;
  qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
  qemu_plugin_register_vcpu_syscall_cb(id, on_syscall);
  qemu_plugin_register_atexit_cb(id, at_exit, NULL);
  return 0;
}
