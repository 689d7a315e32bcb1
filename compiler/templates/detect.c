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

/* Of logarithms: more than rounding moves them. */
static const float SLACK = 1e-3f;

/* Of each box, for softmax: the largest logit, and the sum of the exponentials of what the others are above that. Of the
 * class that is looked at: the best boxes, and the corners of what is kept of these. */
struct memory {
  float largest[BOXES], sum[BOXES], log_sum[BOXES];
  candidate best[CANDIDATES];
  float kept[CANDIDATES][4];
};
_Static_assert(sizeof(struct memory) == $workspace_bytes, "as the header says");

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

static void prepare(const float *logits, struct memory *memory) {
  for (int32_t box = 0; box < BOXES; ++box, logits += CLASSES) {
    float largest = SOFTMAX ? logits[0] : 0, sum = SOFTMAX ? 0 : 1;
    for (int32_t label = 1; SOFTMAX && label < CLASSES; ++label)
      if (logits[label] > largest) largest = logits[label];
    for (int32_t label = 0; SOFTMAX && label < CLASSES; ++label) sum += expf(logits[label] - largest);
    memory->largest[box] = largest;
    memory->sum[box] = sum;
    memory->log_sum[box] = logf(sum);
  }
}

/* The boxes of a class that score more than `least`, best first, of equals the first; how many. */
static int32_t find_candidates(const float *logits, float least, struct memory *memory) {
  candidate *best = memory->best;
  /* What scores less is known by its logit, with no exponential. */
  const float lowest = logf(SOFTMAX ? least : least / (1 - least)) - SLACK;
  int32_t count = 0;
  for (int32_t box = 0; box < BOXES; ++box, logits += CLASSES) {
    const float above = *logits - memory->largest[box];
    if (above - memory->log_sum[box] < lowest) continue;
    const float score = SOFTMAX ? expf(above) / memory->sum[box] : 1 / (1 + expf(-above));
    if (!(score > (count == CANDIDATES ? best[CANDIDATES - 1].score : least))) continue;
    int32_t at = count < CANDIDATES ? count++ : CANDIDATES - 1;
    for (; at > 0 && best[at - 1].score < score; --at) best[at] = best[at - 1];
    best[at] = (candidate){score, box};
  }
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
  int32_t count = 0;
  prepare(logits, memory);
  for (int32_t label = 1; label < CLASSES; ++label) {
    /* What scores no more than the last that was found is neither found nor suppresses what is. */
    const float least = count == DETECTIONS ? found[DETECTIONS - 1].score : SCORE_THRESHOLD;
    const int32_t candidates = find_candidates(logits + label, least, memory);
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
