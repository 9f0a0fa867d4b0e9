/* The same as avx512, and products of 16-bit whole numbers before the scores: x86-64 with AVX512-VNNI. */
#include "platform.h"
#include "kernels.h"

#if IS_X86
#include <immintrin.h>
#ifdef __clang__
TARGET_BEGIN("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")
#else
TARGET_BEGIN("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,prefer-vector-width=512")
#endif

#define ISA_NAME "avx512_vnni"
#define NARROW_IS_WHOLE 1
/* Not the intrinsic: gcc 12 copies the sum each time, and runs out of registers. */
#define ADD_WHOLE_PRODUCTS(sum, a, b) __asm__("vpdpwssd %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b))
#include "avx512.h"
#include "both.h"
TARGET_END

const kf_isa *kf_isa_avx512_vnni(void) { return &THIS_ISA; }
#else
const kf_isa *kf_isa_avx512_vnni(void) { return NULL; }
#endif
