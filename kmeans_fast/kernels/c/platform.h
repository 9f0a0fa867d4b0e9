/* What differs between compilers and machines, and nothing else. */
#ifndef KMEANS_FAST_PLATFORM_H
#define KMEANS_FAST_PLATFORM_H

#include <float.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__GNUC__) || defined(__clang__)
#define HAS_VECTORS 1
#define ALWAYS_INLINE static inline __attribute__((always_inline))
#define NEVER_INLINE __attribute__((noinline)) static
#define RESTRICT __restrict__
#define ALIGNED64 __attribute__((aligned(64)))
#else
#define HAS_VECTORS 0
#define ALWAYS_INLINE static __forceinline
#define NEVER_INLINE static
#define RESTRICT __restrict
#define ALIGNED64 __declspec(align(64))
#endif

#if defined(__x86_64__) && HAS_VECTORS
#define IS_X86 1
#else
#define IS_X86 0
#endif

#if defined(__aarch64__) && HAS_VECTORS
#define IS_ARM64 1
#else
#define IS_ARM64 0
#endif

/* Instruction sets are asked for beside the code: a per-file compiler flag would need its own build rule. */
#define PRAGMA(text) _Pragma(#text)
#if defined(__clang__)
#define TARGET_BEGIN(features) PRAGMA(clang attribute push(__attribute__((target(features))), apply_to = function))
#define TARGET_END PRAGMA(clang attribute pop)
#define UNROLL _Pragma("unroll")
#elif defined(__GNUC__)
#define TARGET_BEGIN(features) PRAGMA(GCC push_options) PRAGMA(GCC target(features))
#define TARGET_END PRAGMA(GCC pop_options)
#define UNROLL _Pragma("GCC unroll 16")
#else
#define UNROLL
#endif

/* Keeps a product from being contracted with the sum that follows: it makes the value pass through a register
   that the compiler can't see into. Works on scalars and vectors; costs no instruction. */
#if IS_X86
#define ROUNDED(value) __asm__("" : "+v"(value))
#elif IS_ARM64
#define ROUNDED(value) __asm__("" : "+w"(value))
#elif HAS_VECTORS
#define ROUNDED(value) __asm__("" : "+m"(value)) /* any machine: through memory */
#else
#define ROUNDED(value) ((void)0)
#endif

#if HAS_VECTORS
#define LOWEST_BIT(bits) __builtin_ctz(bits)
#define FETCH(address) __builtin_prefetch(address)
#else
#define FETCH(address) ((void)(address))
#define LOWEST_BIT(bits) lowest_bit(bits)
static inline int lowest_bit(uint32_t bits)
{
    int place = 0;
    while (!(bits >> place & 1))
        place++;
    return place;
}
#endif

#define CONCAT_(a, b) a##_##b
#define CONCAT(a, b) CONCAT_(a, b)
#define MIN_OF(a, b) ((a) < (b) ? (a) : (b))
#define MAX_OF(a, b) ((a) > (b) ? (a) : (b))

/* The same body for each number of features up to four. */
#define OF_FEATURES(d, call)                                                                                           \
    do {                                                                                                               \
        if ((d) == 1)                                                                                                  \
            call(1);                                                                                                   \
        else if ((d) == 2)                                                                                             \
            call(2);                                                                                                   \
        else if ((d) == 3)                                                                                             \
            call(3);                                                                                                   \
        else                                                                                                           \
            call(4);                                                                                                   \
    } while (0)

#endif
