#include "cache_model.h"

#include <stdlib.h>
#include <string.h>

/* An entry of a set: the number of the line, and what is known of it. 0 is an empty way. */
enum { VALID = 1, DIRTY = 2, PREFETCHED = 4, FLAG_BITS = 3 };
typedef uint64_t entry;

enum request { LOAD, STORE, PREFETCH };

/* The longest stride of a stream, and how many lines it requests at most for each one used. */
enum { REACH = 4, LINES_A_STEP = 2 };
static const uint64_t NO_LINE = UINT64_MAX;
static const uint32_t SEED = 1;

struct level {
  uint64_t set_mask;
  uint32_t ways, replacement, exclusive, random;
  entry *entries;  /* [sets][ways]; under CACHE_LRU a set is kept in order of use */
  uint32_t *trees; /* [sets]; bit n of a tree is its node n, the root is 1 */
};

/* `length` lines at `stride` up to `last`; 0 is none yet. Prefetching is `ahead` lines ahead, in L1 and in L2. */
struct stream {
  uint64_t last, stride, used;
  uint32_t length, ahead[2];
};

/* The pages that have been touched; page + 1 is kept, so that 0 is a free place. */
struct pages {
  uint64_t (*places)[2]; /* [capacity], a power of two: page + 1, its frame; hashed, open addressing */
  size_t capacity, count;
  uint64_t last_page, last_frame;
};

struct cache_model {
  struct cache_config config;
  struct pages pages;
  struct level level[CACHE_MAX_LEVELS];
  struct cache_counts *counts; /* [owners] */
  struct stream *streams;
  uint64_t clock; /* ticks at each training of the prefetcher */
  uint64_t last_line;
  entry *last_entry;
};

enum { LINES_IN_PAGE = 4096 / CACHE_LINE, FIRST_CAPACITY = 1 << 12 };

static int is_power_of_two(uint32_t value) { return value && !(value & (value - 1)); }

static int is_valid(const struct cache_config *config) {
  if (config->levels < 1 || config->levels > CACHE_MAX_LEVELS || config->owners < 1) return 0;
  if (config->level[0].exclusive) return 0;
  for (uint32_t i = 0; i < config->levels; ++i) {
    const struct cache_level_config *level = &config->level[i];
    if (!is_power_of_two(level->sets) || level->ways < 1 || level->ways > 32) return 0;
    if (level->replacement > CACHE_RANDOM) return 0;
    if (level->replacement == CACHE_PSEUDO_LRU && !is_power_of_two(level->ways)) return 0;
  }
  return 1;
}

struct cache_model *cache_model_new(const struct cache_config *config) {
  struct cache_model *model = is_valid(config) ? calloc(1, sizeof *model) : NULL;
  if (!model) return NULL;
  model->config = *config;
  model->counts = calloc(config->owners, sizeof *model->counts);
  model->streams = calloc((size_t)config->streams + 1, sizeof *model->streams);
  model->pages.capacity = FIRST_CAPACITY;
  model->pages.places = calloc(FIRST_CAPACITY, sizeof *model->pages.places);
  int complete = model->counts && model->streams && model->pages.places;
  for (uint32_t i = 0; i < config->levels; ++i) {
    const struct cache_level_config *wanted = &config->level[i];
    model->level[i] = (struct level){
        .set_mask = wanted->sets - 1,
        .ways = wanted->ways,
        .replacement = wanted->replacement,
        .exclusive = wanted->exclusive,
        .entries = calloc((size_t)wanted->sets * wanted->ways, sizeof(entry)),
        .trees = calloc(wanted->sets, sizeof(uint32_t)),
    };
    complete = complete && model->level[i].entries && model->level[i].trees;
  }
  if (!complete) {
    cache_model_free(model);
    return NULL;
  }
  cache_model_reset(model);
  return model;
}

void cache_model_free(struct cache_model *model) {
  if (!model) return;
  for (uint32_t i = 0; i < model->config.levels; ++i) {
    free(model->level[i].entries);
    free(model->level[i].trees);
  }
  free(model->pages.places);
  free(model->streams);
  free(model->counts);
  free(model);
}

void cache_model_reset(struct cache_model *model) {
  const struct cache_config *config = &model->config;
  for (uint32_t i = 0; i < config->levels; ++i) {
    const size_t sets = config->level[i].sets;
    memset(model->level[i].entries, 0, sets * config->level[i].ways * sizeof(entry));
    memset(model->level[i].trees, 0, sets * sizeof(uint32_t));
    model->level[i].random = SEED;
  }
  memset(model->counts, 0, config->owners * sizeof *model->counts);
  memset(model->streams, 0, config->streams * sizeof *model->streams);
  memset(model->pages.places, 0, model->pages.capacity * sizeof *model->pages.places);
  model->pages.count = 0;
  model->pages.last_page = NO_LINE;
  model->clock = 0;
  model->last_line = NO_LINE;
}

static uint64_t *place_of(const struct pages *pages, uint64_t page) {
  size_t at = (page * 0x9E3779B97F4A7C15u) >> 32; /* Fibonacci hashing */
  while (pages->places[at & (pages->capacity - 1)][0] && pages->places[at & (pages->capacity - 1)][0] != page + 1) ++at;
  return pages->places[at & (pages->capacity - 1)];
}

static void grow(struct pages *pages) {
  struct pages larger = *pages;
  larger.capacity *= 2;
  larger.places = calloc(larger.capacity, sizeof *larger.places);
  if (!larger.places) abort();
  for (size_t i = 0; i < pages->capacity; ++i)
    if (pages->places[i][0]) memcpy(place_of(&larger, pages->places[i][0] - 1), pages->places[i], sizeof *larger.places);
  free(pages->places);
  *pages = larger;
}

/* Where the caches find a line of virtual memory. */
static uint64_t physical(struct pages *pages, uint64_t line) {
  const uint64_t page = line / LINES_IN_PAGE;
  if (page != pages->last_page) {
    if (2 * pages->count >= pages->capacity) grow(pages);
    uint64_t *place = place_of(pages, page);
    if (!place[0]) {
      place[0] = page + 1;
      place[1] = pages->count++;
    }
    pages->last_page = page;
    pages->last_frame = place[1];
  }
  return pages->last_frame * LINES_IN_PAGE + line % LINES_IN_PAGE;
}

static entry *set_of(const struct level *level, uint64_t line) {
  return level->entries + (line & level->set_mask) * level->ways;
}

static entry *find(const struct level *level, uint64_t line) {
  entry *set = set_of(level, line);
  for (uint32_t way = 0; way < level->ways; ++way)
    if (set[way] >> FLAG_BITS == line && set[way] & VALID) return &set[way];
  return NULL;
}

/* Marks the entry of a line as the one used last; returns where it is from now on. */
static entry *touch(const struct level *level, uint64_t line, entry *found) {
  entry *set = set_of(level, line);
  if (level->replacement == CACHE_LRU) {
    const entry used = *found;
    for (; found > set; --found) *found = found[-1];
    *found = used;
  } else if (level->replacement == CACHE_PSEUDO_LRU) {
    uint32_t *tree = &level->trees[line & level->set_mask];
    /* Each node on the way up is to point away from the half that was used: 1 is the upper half. */
    for (uint32_t node = level->ways + (uint32_t)(found - set); node > 1; node /= 2) {
      const uint32_t parent = 1u << (node / 2);
      *tree = node & 1 ? *tree & ~parent : *tree | parent;
    }
  }
  return found;
}

/* Marsaglia's xorshift (Journal of Statistical Software 8, 2003). */
static uint32_t draw(struct level *level) {
  level->random ^= level->random << 13;
  level->random ^= level->random >> 17;
  return level->random ^= level->random << 5;
}

static entry *choose_victim(struct level *level, uint64_t line) {
  entry *set = set_of(level, line);
  for (uint32_t way = 0; way < level->ways; ++way)
    if (!set[way]) return &set[way];
  if (level->replacement == CACHE_LRU) return &set[level->ways - 1];
  if (level->replacement == CACHE_RANDOM) return &set[draw(level) % level->ways];
  const uint32_t tree = level->trees[line & level->set_mask];
  uint32_t node = 1;
  while (node < level->ways) node = 2 * node + (tree >> node & 1);
  return &set[node - level->ways];
}

/* Puts a line into level `i`, where it may be already. What has to leave goes to the level below if that has
 * to know: if it is dirty, or if the level below lives on evicted lines. */
static entry *install(struct cache_model *model, struct cache_counts *counts, uint32_t i, uint64_t line,
                      entry flags) {
  struct level *level = &model->level[i];
  entry *place = find(level, line);
  if (place) {
    *place |= flags;
    return touch(level, line, place);
  }
  place = choose_victim(level, line);
  const entry evicted = *place;
  *place = line << FLAG_BITS | VALID | flags;
  place = touch(level, line, place);
  if (evicted & DIRTY) counts->level[i].lines_written_back++;
  if (evicted && i + 1 < model->config.levels && (evicted & DIRTY || model->level[i + 1].exclusive))
    install(model, counts, i + 1, evicted >> FLAG_BITS, evicted & DIRTY);
  return place;
}

static void count(struct cache_level_counts *counts, enum request request, int hit) {
  if (request == LOAD) *(hit ? &counts->load_hits : &counts->load_misses) += 1;
  if (request == STORE) *(hit ? &counts->store_hits : &counts->store_misses) += 1;
}

/* The core, or the level above, asks level `i` for a line: its entry, or NULL. */
static entry *look_up(struct cache_model *model, struct cache_counts *counts, uint32_t i, uint64_t line,
                      enum request request) {
  entry *found = find(&model->level[i], line);
  count(&counts->level[i], request, found != NULL);
  if (found && *found & PREFETCHED) counts->level[i].useful_prefetches++;
  return found;
}

/* Gets a line out of level `i` or those below; returns DIRTY if it was, and no copy of it stays behind. */
static entry fetch(struct cache_model *model, struct cache_counts *counts, uint32_t i, uint64_t line,
                   enum request request) {
  if (i == model->config.levels) {
    count(&counts->level[i], request, 1);
    counts->level[i].lines_out++;
    return 0;
  }
  const struct level *level = &model->level[i];
  entry *found = look_up(model, counts, i, line, request);
  if (found && level->exclusive) {
    const entry dirty = *found & DIRTY;
    *found = 0;
    counts->level[i].lines_out++;
    return dirty;
  }
  if (found) {
    *found &= ~(entry)PREFETCHED;
    touch(level, line, found);
    counts->level[i].lines_out++;
    return 0;
  }
  const entry dirty = fetch(model, counts, i + 1, line, request);
  if (level->exclusive) return dirty;
  install(model, counts, i, line, dirty);
  counts->level[i].lines_in++;
  counts->level[i].lines_out++;
  return 0;
}

static void prefetch(struct cache_model *model, struct cache_counts *counts, uint32_t i, uint64_t virtual_line) {
  const uint64_t line = physical(&model->pages, virtual_line);
  for (uint32_t above = 0; above <= i; ++above)
    if (find(&model->level[above], line)) return;
  const entry dirty = fetch(model, counts, i + 1, line, PREFETCH);
  counts->level[i].prefetches++;
  counts->level[i].lines_in++;
  install(model, counts, i, line, PREFETCHED | dirty);
}

/* The stream that `line` continues, begins to confirm, or else starts in place of the one used longest ago. */
static struct stream *follow(struct cache_model *model, uint64_t line) {
  struct stream *streams = model->streams, *end = streams + model->config.streams, *oldest = streams;
  for (struct stream *stream = streams; stream < end; ++stream) {
    if (stream->stride && line - stream->last == stream->stride) {
      stream->last = line;
      stream->length++;
      for (uint32_t i = 0; i < 2; ++i) stream->ahead[i] -= stream->ahead[i] > 0;
      return stream;
    }
    if (stream->used < oldest->used) oldest = stream;
  }
  for (struct stream *stream = streams; stream < end; ++stream) {
    const uint64_t stride = line - stream->last;
    if (stream->length && stride + REACH <= 2 * REACH) {
      if (stride) *stream = (struct stream){.last = line, .stride = stride, .length = 2};
      return stream;
    }
  }
  *oldest = (struct stream){.last = line, .length = 1};
  return oldest;
}

static void train(struct cache_model *model, struct cache_counts *counts, uint64_t line) {
  const struct cache_config *config = &model->config;
  const uint32_t outer = config->levels > 1 ? 2 : 1;
  struct stream *stream = config->streams ? follow(model, line) : NULL;
  if (stream) stream->used = ++model->clock;
  if (!stream || stream->length < config->training) {
    if (config->next_line && outer == 2) prefetch(model, counts, 1, line + 1);
    return;
  }
  for (uint32_t i = outer; i-- > 0;)
    for (uint32_t step = 0; step < LINES_A_STEP && stream->ahead[i] < config->distance[i]; ++step)
      prefetch(model, counts, i, line + stream->stride * ++stream->ahead[i]);
}

static void access_line(struct cache_model *model, struct cache_counts *counts, uint64_t virtual_line,
                        enum request request) {
  if (virtual_line == model->last_line) {
    count(&counts->level[0], request, 1);
    if (request == STORE) *model->last_entry |= DIRTY;
    return;
  }
  const uint64_t line = physical(&model->pages, virtual_line);
  entry *found = look_up(model, counts, 0, line, request);
  const int trains = request == LOAD && (!found || *found & PREFETCHED);
  if (found) {
    *found &= ~(entry)PREFETCHED;
    found = touch(&model->level[0], line, found);
  } else {
    const entry dirty = fetch(model, counts, 1, line, request);
    found = install(model, counts, 0, line, dirty);
    counts->level[0].lines_in++;
  }
  if (request == STORE) *found |= DIRTY;
  model->last_line = virtual_line;
  model->last_entry = found;
  if (trains) {
    train(model, counts, virtual_line);
    model->last_line = NO_LINE; /* a prefetched line may have moved it */
  }
}

void cache_model_access(struct cache_model *model, uint64_t address, uint32_t size, int is_store,
                        uint32_t owner) {
  const uint64_t last = (address + size - 1) / CACHE_LINE;
  for (uint64_t line = address / CACHE_LINE; line <= last; ++line)
    access_line(model, &model->counts[owner], line, is_store ? STORE : LOAD);
}

void cache_model_access_all(struct cache_model *model, size_t count, const uint64_t *addresses,
                            const uint32_t *sizes, const uint8_t *stores, const uint32_t *owners) {
  for (size_t i = 0; i < count; ++i)
    cache_model_access(model, addresses[i], sizes[i], stores[i], owners[i]);
}

void cache_model_counts(const struct cache_model *model, uint32_t owner, struct cache_counts *counts) {
  *counts = model->counts[owner];
}

void cache_client_access(struct cache_client *client, uint64_t address, uint32_t size, int is_store) {
  const uint64_t end = address + size;
  if (address == client->end && (uint32_t)is_store == client->is_store)
    address = (address + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
  client->end = end;
  client->is_store = (uint32_t)is_store;
  if (address < end) cache_model_access(client->model, address, (uint32_t)(end - address), is_store, client->owner);
}

void cache_client_hook(void *emulator, int type, uint64_t address, int size, int64_t value,
                       struct cache_client *client) {
  enum { UC_MEM_WRITE = 17 };
  (void)emulator, (void)value;
  cache_client_access(client, address, (uint32_t)size, type == UC_MEM_WRITE);
}
