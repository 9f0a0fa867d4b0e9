/* 64-byte vectors and 32 registers: x86-64 with AVX-512 F, BW, DQ, VL. */
#include "platform.h"
#include "kernels.h"

#if IS_X86
#include <immintrin.h>
#ifdef __clang__
TARGET_BEGIN("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")
#else
TARGET_BEGIN("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,prefer-vector-width=512")
#endif

#define ISA_NAME "avx512"
#include "avx512.h"
#include "both.h"
TARGET_END

const kf_isa *kf_isa_avx512(void) { return &THIS_ISA; }
#else
const kf_isa *kf_isa_avx512(void) { return NULL; }
#endif
