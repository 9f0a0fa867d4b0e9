/* 16-byte vectors, 32 registers and fused multiply-add: every arm64. */
#include "platform.h"
#include "kernels.h"

#if IS_ARM64
#define ISA_NAME "neon"
#define VEC_BYTES 16
#define POINT_VECTORS 2
#define POINT_CENTERS 12
#define BLOCK_TILE_ROWS 6
#define PANEL_VECTORS 4
#include "both.h"

const kf_isa *kf_isa_neon(void) { return &THIS_ISA; }
#else
const kf_isa *kf_isa_neon(void) { return NULL; }
#endif
