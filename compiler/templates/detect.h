/* A thing that was found: left, top, right and bottom in pixels of the input, how sure, and its class, 1 or more. */
typedef struct {
  float box[4], score;
  int32_t label;
} ${name}_detection;

/* The most that is found, and memory for it, aligned as that of a run: which may be the same, if it is as large. */
#define ${NAME}_DETECTIONS $detections
#define ${NAME}_DETECT_WORKSPACE_BYTES $workspace_bytes

/* From the outputs of a run to what was found, best first; how many. Boxes are decoded, and those are left out that
 * overlap a better one of their class. */
int32_t ${name}_detect(void *const out[], ${name}_detection found[${NAME}_DETECTIONS], void *workspace);
