/* A 3 x 5 tile of generic vector code: exists for the tests, shows block-edge bugs on any machine. */
#include "platform.h"
#include "kernels.h"

#if HAS_VECTORS
#define ISA_NAME "odd"
#define NARROW_IS_BF16 1
#define VEC_BYTES 16
#define POINT_VECTORS 1
#define POINT_CENTERS 3
#define BLOCK_TILE_ROWS 3
#define PANEL_VECTORS 5
#include "both.h"

const kf_isa *kf_isa_odd(void) { return &THIS_ISA; }
#else
const kf_isa *kf_isa_odd(void) { return NULL; }
#endif
