/* $name: a network compiled by armlet $armlet for $target.
 *
 * The library calls no other. After it is loaded it allocates nothing, takes no lock and opens no file; its weights
 * are read-only and stay in the file until they are read. Calls with separate workspaces may run at the same time.
 */
#ifndef ${NAME}_H
#define ${NAME}_H

#include <stdint.h>
$include
#ifdef __cplusplus
extern "C" {
#endif

/* What ${name}_version() returns, if this header and the library belong together. */
#define ${NAME}_VERSION "$version"

/* Inputs and outputs are contiguous, at addresses that suit their type:
 *
$tensors
 *
 * Their sizes and types initialise arrays: const size_t bytes[] = ${NAME}_INPUT_BYTES;
 * const char *const types[] = ${NAME}_INPUT_TYPES; */
#define ${NAME}_INPUTS $inputs
#define ${NAME}_OUTPUTS $outputs
#define ${NAME}_INPUT_BYTES {$input_bytes}
#define ${NAME}_OUTPUT_BYTES {$output_bytes}
#define ${NAME}_INPUT_TYPES {$input_types}
#define ${NAME}_OUTPUT_TYPES {$output_types}

/* Memory for what is between them; what it holds before or after a call does not matter. */
#define ${NAME}_WORKSPACE_BYTES $workspace_bytes
#define ${NAME}_WORKSPACE_ALIGNMENT $alignment

/* The network computes kernel after kernel. Names of the layers: const char *const names[] = ${NAME}_KERNEL_NAMES; */
#define ${NAME}_KERNELS $kernels
#define ${NAME}_KERNEL_NAMES {$kernel_names}

$supported

/* Computes the outputs from the inputs. */
void ${name}_run(const void *const in[], void *const out[], void *workspace);

/* One kernel by its number, for profiles: right after those before it, in the same workspace. */
void ${name}_run_kernel(int32_t number, const void *const in[], void *const out[], void *workspace);

const char *${name}_version(void);
$detection
#ifdef __cplusplus
}
#endif
#endif
