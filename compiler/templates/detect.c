/* What is left to do behind a detection network, as frontend/detections.py does it in ONNX: boxes decoded, the best
 * of each class, overlaps suppressed, the best of all. Filled in by detection.py. */

#include <stdint.h>

#define API __attribute__((visibility("default")))

float expf(float x);
float logf(float x);

$declaration
enum { BOXES = $boxes, CLASSES = $classes, CANDIDATES = $candidates, DETECTIONS = $detections, SOFTMAX = $softmax };
static const float SCORE_THRESHOLD = $score_threshold, IOU_THRESHOLD = $iou_threshold;
static const float CENTRE_WEIGHT = $centre_weight, SIDE_FACTOR = $side_factor, LARGEST_GROWTH = $largest_growth;
static const float WIDTH = $width, HEIGHT = $height;
/* Centre x and y, width and height in pixels. */
static const float DEFAULT_BOXES[BOXES][4] = {
$rows
};

typedef struct {
  float score;
  int32_t box;
} candidate;

/* A box of which a class may still be found. Of logarithms of scores, the best of its classes; for softmax, the largest
 * logit, and the sum of the exponentials of what the others are above that. */
typedef struct {
  int32_t box;
  float best, largest, sum, log_sum;
} hopeful;

/* Of logarithms: more than rounding moves them. */
static const float SLACK = 1e-3f;

/* Of the class that is looked at: the best boxes, and the corners of what is kept of these. */
struct memory {
  hopeful boxes[BOXES];
  candidate best[CANDIDATES];
  float kept[CANDIDATES][4];
};
_Static_assert(sizeof(struct memory) == $workspace_bytes, "as the header says");

/* Numbers side by side, of which compilers make a register, and two of those: one need not wait for the other. */
enum { LANES = 4, STEP = 2 * LANES, REST = (CLASSES - 1) % STEP };
typedef float numbers __attribute__((vector_size(4 * LANES)));
typedef uint32_t words __attribute__((vector_size(4 * LANES)));

static inline numbers load(const float *at) {
  numbers x;
  __builtin_memcpy(&x, at, sizeof x);
  return x;
}

static inline numbers larger(numbers a, numbers b) {
  const words is_larger = (words)(a > b);
  return (numbers)((is_larger & (words)a) | (~is_larger & (words)b));
}

/* e^x of numbers up to 0, to two units in the last place: 2^n e^r with |r| <= ln(2) / 2, Taylor's series for e^r, and n
 * added to its exponent. Below -86, what is no more than e^-86. */
static inline numbers exponentials(numbers x) {
  const float no_fraction = 0x1.8p23f;
  x = larger(x, (numbers){0} - 86.0f);
  const numbers shifted = x * 1.44269504f + no_fraction, n = shifted - no_fraction;
  const numbers r = x - n * 0.693359375f + n * 2.12194440e-4f;
  numbers sum = r * (1.0f / 5040) + 1.0f / 720;
  sum = sum * r + 1.0f / 120;
  sum = sum * r + 1.0f / 24;
  sum = sum * r + 1.0f / 6;
  sum = (sum * r + 0.5f) * r + 1.0f;
  sum = sum * r + 1.0f;
  return (numbers)((words)sum + ((words)shifted << 23));
}

static float clamp(float x, float high) { return x < 0 ? 0 : x > high ? high : x; }

static void decode(const float *by, const float *box, float *corners) {
  const float sizes[] = {WIDTH, HEIGHT};
  for (int axis = 0; axis < 2; ++axis) {
    const float growth = by[2 + axis] * SIDE_FACTOR, side = box[2 + axis];
    const float centre = by[axis] * (side / CENTRE_WEIGHT) + box[axis];
    const float half = expf(growth < LARGEST_GROWTH ? growth : LARGEST_GROWTH) * (side / 2);
    corners[axis] = clamp(centre - half, sizes[axis]);
    corners[2 + axis] = clamp(centre + half, sizes[axis]);
  }
}

static float area(const float *box) { return (box[2] - box[0]) * (box[3] - box[1]); }

/* Whether the intersection is more than IOU_THRESHOLD of the union. */
static int overlap(const float *a, const float *b) {
  const float left = a[0] > b[0] ? a[0] : b[0], right = a[2] < b[2] ? a[2] : b[2];
  const float top = a[1] > b[1] ? a[1] : b[1], bottom = a[3] < b[3] ? a[3] : b[3];
  if (left >= right || top >= bottom) return 0;
  const float shared = (right - left) * (bottom - top);
  return shared / (area(a) + area(b) - shared) > IOU_THRESHOLD;
}

static inline float largest_of(numbers x) {
  float largest = x[0];
  for (int lane = 1; lane < LANES; ++lane)
    if (x[lane] > largest) largest = x[lane];
  return largest;
}

/* The boxes of which a class may score more than `lowest`, in their order; how many. Logits are read in steps from the
 * first class on; what is left of these comes last, behind it the background for softmax, or nothing. */
static int32_t prepare(const float *logits, float lowest, struct memory *memory) {
  int32_t count = 0;
  for (int32_t box = 0; box < BOXES; ++box, logits += CLASSES) {
    const float *first = logits + 1, *rest = logits + CLASSES - REST;
    float last[STEP];
    for (int32_t lane = 0; lane < STEP; ++lane) last[lane] = lane < REST ? rest[lane] : -__builtin_inff();
    numbers low = load(last), high = load(last + LANES);
    for (const float *at = first; at < rest; at += STEP) {
      low = larger(load(at), low);
      high = larger(load(at + LANES), high);
    }
    hopeful one = {.box = box, .best = largest_of(larger(low, high)), .sum = 1};
    if (SOFTMAX) {
      one.largest = one.best > logits[0] ? one.best : logits[0];
      one.best -= one.largest;
      /* The sum is at least 1. */
      if (!(one.best >= lowest)) continue;
      last[REST] = logits[0];
      low = exponentials(load(last) - one.largest);
      high = exponentials(load(last + LANES) - one.largest);
      for (const float *at = first; at < rest; at += STEP) {
        low += exponentials(load(at) - one.largest);
        high += exponentials(load(at + LANES) - one.largest);
      }
      low += high;
      one.sum = low[0] + low[1] + (low[2] + low[3]);
      one.log_sum = logf(one.sum);
      one.best -= one.log_sum;
    }
    if (one.best >= lowest) memory->boxes[count++] = one;
  }
  return count;
}

/* The logarithm of what scores less than `least`: of scores by sigmoid, the logit. */
static float lowest_of(float least) { return logf(SOFTMAX ? least : least / (1 - least)) - SLACK; }

/* Of equal ones the later is worse. */
static int is_worse(candidate a, candidate b) { return a.score < b.score || (a.score == b.score && a.box > b.box); }

/* Put `one` at `at` or below it in a heap of so many, in which none is worse than what is above it. */
static void sift(candidate *heap, int32_t count, int32_t at, candidate one) {
  for (int32_t below; (below = 2 * at + 1) < count; at = below) {
    if (below + 1 < count && is_worse(heap[below + 1], heap[below])) ++below;
    if (!is_worse(heap[below], one)) break;
    heap[at] = heap[below];
  }
  heap[at] = one;
}

static void make_heap(candidate *heap, int32_t count) {
  for (int32_t at = count / 2 - 1; at >= 0; --at) sift(heap, count, at, heap[at]);
}

/* From a heap to the best first. */
static void sort_heap(candidate *heap, int32_t count) {
  while (--count > 0) {
    const candidate last = heap[count];
    heap[count] = heap[0];
    sift(heap, count, 0, last);
  }
}

/* The boxes of a class that score more than `least`, best first, of equals the first; how many. Of the first `*hopes`
 * boxes those stay, in their order, of which another class may still. */
static int32_t find_candidates(const float *logits, float least, int32_t *hopes, struct memory *memory) {
  candidate *best = memory->best;
  hopeful *const boxes = memory->boxes;
  const float lowest = lowest_of(least);
  int32_t count = 0, left = 0;
  for (int32_t i = 0; i < *hopes; ++i) {
    const hopeful one = boxes[i];
    if (one.best < lowest) continue;
    boxes[left++] = one;
    /* What scores less is known by its logit, with no exponential. */
    const float above = logits[(int64_t)one.box * CLASSES] - one.largest;
    if (above - one.log_sum < lowest) continue;
    const float score = SOFTMAX ? expf(above) / one.sum : 1 / (1 + expf(-above));
    if (!(score > (count == CANDIDATES ? best[0].score : least))) continue;
    const candidate found = {score, one.box};
    if (count == CANDIDATES) {
      sift(best, count, 0, found);
      continue;
    }
    best[count++] = found;
    if (count == CANDIDATES) make_heap(best, count);
  }
  *hopes = left;
  if (count < CANDIDATES) make_heap(best, count);
  sort_heap(best, count);
  return count;
}

/* Put `one` in its place among `count` that are sorted, behind its equals; the last falls out if there are too many. */
static int32_t insert(${name}_detection *found, int32_t count, ${name}_detection one) {
  int32_t at = count < DETECTIONS ? count++ : DETECTIONS - 1;
  for (; at > 0 && found[at - 1].score < one.score; --at) found[at] = found[at - 1];
  found[at] = one;
  return count;
}

API int32_t ${name}_detect(void *const out[], ${name}_detection found[], void *workspace) {
  const float *logits = out[0], *regression = out[1];
  struct memory *memory = workspace;
  int32_t count = 0, hopes = prepare(logits, lowest_of(SCORE_THRESHOLD), memory);
  for (int32_t label = 1; label < CLASSES; ++label) {
    /* What scores no more than the last that was found is neither found nor suppresses what is. */
    const float least = count == DETECTIONS ? found[DETECTIONS - 1].score : SCORE_THRESHOLD;
    const int32_t candidates = find_candidates(logits + label, least, &hopes, memory);
    int32_t kept = 0;
    for (int32_t i = 0; i < candidates && kept < DETECTIONS; ++i) {
      const candidate one = memory->best[i];
      float *box = memory->kept[kept];
      if (count == DETECTIONS && one.score <= found[DETECTIONS - 1].score) break;
      decode(regression + 4 * one.box, DEFAULT_BOXES[one.box], box);
      int32_t better = 0;
      while (better < kept && !overlap(memory->kept[better], box)) ++better;
      if (better < kept) continue;
      ++kept;
      count = insert(found, count, (${name}_detection){{box[0], box[1], box[2], box[3]}, one.score, label});
    }
  }
  return count;
}
