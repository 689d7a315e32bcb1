/* The data caches of one core: which access finds its line where, and what moves between the levels.
 *
 * Lines of 64 bytes, write-back, write-allocate. Nothing is timed: a line asked for is there at once. A missed
 * line is filled into every level on its way to the core, except that an exclusive level (the L2 of Cortex-A53
 * and A55, the L3 of a DynamIQ cluster) takes only what the level above evicts and gives a line away when it
 * hits. Levels do not invalidate each other's lines. Pages of 4 KB get frames of physical memory one after the
 * other, as they are first touched or prefetched: where a program's buffers lie changes nothing but where in its
 * page one begins. The TLB is left out.
 *
 * A stride prefetcher watches the lines that loads miss, or find prefetched. `training` of them at one distance,
 * at most four lines either way, start a stream (Cortex-A53 TRM DDI 0500, section 6.6.2); the stream then runs
 * ahead, two lines for each one used, until it is `distance` lines ahead. A missed line of no stream brings its
 * neighbour into L2, where `next_line` is set.
 *
 * Every access names its owner, a small integer, and all that it sets off is counted under that. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { CACHE_LINE = 64, CACHE_MAX_LEVELS = 3 };

/* Pseudo-LRU is the binary tree. The random victim is drawn by a generator of fixed seed. */
enum cache_replacement { CACHE_LRU, CACHE_PSEUDO_LRU, CACHE_RANDOM };

/* Both `sets` and, for CACHE_PSEUDO_LRU, `ways` are powers of two; `ways` is 32 at most. */
struct cache_level_config {
  uint32_t sets, ways, replacement, exclusive;
};

struct cache_config {
  struct cache_level_config level[CACHE_MAX_LEVELS];
  uint32_t levels, owners;
  uint32_t streams, training;
  uint32_t distance[2]; /* lines ahead, in L1 and in L2 */
  uint32_t next_line;
};

/* Demand for a line, from the core or from the level above, by loads and by stores: hits and misses. Lines that
 * came in from below, lines given to the level above, dirty lines sent below; those last three count
 * prefetching too. Lines prefetched into this level, and those of them that were asked for. */
struct cache_level_counts {
  uint64_t load_hits, store_hits, load_misses, store_misses;
  uint64_t lines_in, lines_out, lines_written_back;
  uint64_t prefetches, useful_prefetches;
};

/* L1D first. Behind the last level stands main memory, where every access hits. */
struct cache_counts {
  struct cache_level_counts level[CACHE_MAX_LEVELS + 1];
};

struct cache_model;

#pragma GCC visibility push(default)

/* A model with every level empty; NULL if the configuration is invalid or memory is short. */
struct cache_model *cache_model_new(const struct cache_config *config);

void cache_model_free(struct cache_model *model);

/* Empties every level, forgets the streams, sets every count to 0. */
void cache_model_reset(struct cache_model *model);

/* `size` is 1 or more; each line that is touched counts once. `owner` is below config->owners. */
void cache_model_access(struct cache_model *model, uint64_t address, uint32_t size, int is_store,
                        uint32_t owner);

/* The same for `count` accesses in order. */
void cache_model_access_all(struct cache_model *model, size_t count, const uint64_t *addresses,
                            const uint32_t *sizes, const uint8_t *stores, const uint32_t *owners);

void cache_model_counts(const struct cache_model *model, uint32_t owner, struct cache_counts *counts);

/* The accesses of an emulator, which are those of `owner`. */
struct cache_client {
  struct cache_model *model;
  uint64_t end; /* of the last one */
  uint32_t is_store, owner;
};

/* Emulators differ in how they cut an access of 16 bytes or of two registers: what goes on where the last access
 * ended counts for the lines that it touches anew. */
void cache_client_access(struct cache_client *client, uint64_t address, uint32_t size, int is_store);

/* The same as a hook of unicorn, of its type uc_cb_hookmem_t. */
void cache_client_hook(void *emulator, int type, uint64_t address, int size, int64_t value,
                       struct cache_client *client);

#pragma GCC visibility pop
