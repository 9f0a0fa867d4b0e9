/* The same as avx512, and products of bfloat16 before the scores: x86-64 with AVX512-BF16. */
#include "platform.h"
#include "kernels.h"

#if IS_X86
#include <immintrin.h>
#ifdef __clang__
TARGET_BEGIN("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")
#else
TARGET_BEGIN("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,prefer-vector-width=512")
#endif

#define ISA_NAME "avx512_bf16"
#define NARROW_IS_BF16 1
#define NATIVE_BF16_DOT(sum, a, b) _mm512_dpbf16_ps((__m512)(sum), (__m512bh)(a), (__m512bh)(b))
#include "avx512.h"
#include "both.h"
TARGET_END

const kf_isa *kf_isa_avx512_bf16(void) { return &THIS_ISA; }
#else
const kf_isa *kf_isa_avx512_bf16(void) { return NULL; }
#endif
