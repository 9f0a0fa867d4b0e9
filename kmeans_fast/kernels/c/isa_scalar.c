/* Standard C without vectors, for compilers that have none. */
#include "platform.h"
#include "kernels.h"

#define ISA_NAME "scalar"
#define VEC_BYTES 0
#define POINT_VECTORS 4
#define POINT_CENTERS 3
#define BLOCK_TILE_ROWS 3
#define PANEL_VECTORS 4
#include "both.h"

const kf_isa *kf_isa_scalar(void) { return &THIS_ISA; }
