/* Vectors of REAL and of integers as wide, in compiler extensions; included once per REAL, double first.
 *
 * An isa_<name>.c may define NATIVE_MIN, NATIVE_MAX, NATIVE_PICK, NATIVE_BITS and NATIVE_SUM (float and double variants by
 * token pasting), and NATIVE_WIDEN (of floats), where the compiler makes poor code of the generic ones.
 */
#if VEC_BYTES == 0

typedef REAL V;
typedef INT_OF_REAL INT;
typedef INT_OF_REAL I;
enum { FN(N_LANES) = 1 };

ALWAYS_INLINE V FN(load)(const REAL *p) { return *p; }
ALWAYS_INLINE void FN(store)(REAL *p, V a) { *p = a; }
ALWAYS_INLINE void FN(store_int)(INT *p, I a) { *p = a; }
ALWAYS_INLINE V FN(set)(REAL a) { return a; }
ALWAYS_INLINE I FN(set_int)(INT a) { return a; }
ALWAYS_INLINE I FN(less)(V a, V b) { return -(INT)(a < b); }
ALWAYS_INLINE V FN(min)(V a, V b) { return a < b ? a : b; }
ALWAYS_INLINE V FN(max)(V a, V b) { return a < b ? b : a; }
ALWAYS_INLINE V FN(root)(V a) { return SQRT(a); }
ALWAYS_INLINE I FN(pick_int)(V a, V b, I yes, I no) { return a < b ? yes : no; }
ALWAYS_INLINE V FN(pick)(V a, V b, V yes, V no) { return a < b ? yes : no; }
ALWAYS_INLINE vec_f64 FN(load_doubles)(const REAL *p) { return (double)*p; }
ALWAYS_INLINE uint32_t FN(bits_less)(V a, V b) { return a < b; }
ALWAYS_INLINE REAL FN(sum_lanes)(V a) { return a; }

#else

typedef INT_OF_REAL INT;
typedef REAL V __attribute__((vector_size(VEC_BYTES)));
typedef INT I __attribute__((vector_size(VEC_BYTES)));
enum { FN(N_LANES) = VEC_BYTES / sizeof(REAL) };
/* As many as a vector of doubles holds. */
typedef REAL FN(part) __attribute__((vector_size(VEC_BYTES / sizeof(double) * sizeof(REAL))));

ALWAYS_INLINE V FN(load)(const REAL *p)
{
    V a;
    memcpy(&a, p, sizeof a);
    return a;
}
ALWAYS_INLINE void FN(store)(REAL *p, V a) { memcpy(p, &a, sizeof a); }
ALWAYS_INLINE void FN(store_int)(INT *p, I a) { memcpy(p, &a, sizeof a); }
ALWAYS_INLINE V FN(set)(REAL a) { return a - (V){0}; }
ALWAYS_INLINE I FN(set_int)(INT a) { return a - (I){0}; }
ALWAYS_INLINE I FN(less)(V a, V b) { return (I)(a < b); }

/* Compilers make one instruction of it where there is one. */
ALWAYS_INLINE V FN(root)(V a)
{
    REAL lanes[FN(N_LANES)];
    FN(store)(lanes, a);
    for (int lane = 0; lane < FN(N_LANES); lane++)
        lanes[lane] = SQRT(lanes[lane]);
    return FN(load)(lanes);
}

#ifdef NATIVE_MIN
ALWAYS_INLINE V FN(min)(V a, V b) { return (V)NATIVE_MIN(a, b); }
ALWAYS_INLINE V FN(max)(V a, V b) { return (V)NATIVE_MAX(a, b); }
#else
ALWAYS_INLINE V FN(blend)(I mask, V yes, V no) { return (V)(((I)yes & mask) | ((I)no & ~mask)); }
ALWAYS_INLINE V FN(min)(V a, V b) { return FN(blend)(a < b, a, b); }
ALWAYS_INLINE V FN(max)(V a, V b) { return FN(blend)(a < b, b, a); }
#endif

/* yes where a < b, else no. */
#ifdef NATIVE_PICK
ALWAYS_INLINE I FN(pick_int)(V a, V b, I yes, I no) { return (I)NATIVE_PICK(a, b, yes, no); }
#else
ALWAYS_INLINE I FN(pick_int)(V a, V b, I yes, I no)
{
    I mask = a < b;
    return (yes & mask) | (no & ~mask);
}
#endif

ALWAYS_INLINE V FN(pick)(V a, V b, V yes, V no) { return (V)FN(pick_int)(a, b, (I)yes, (I)no); }

/* Bit i is set where a < b in lane i. */
#ifdef NATIVE_BITS
ALWAYS_INLINE uint32_t FN(bits_less)(V a, V b) { return (uint32_t)NATIVE_BITS(a, b); }
#else
ALWAYS_INLINE uint32_t FN(bits_less)(V a, V b)
{
    INT lanes[FN(N_LANES)];
    uint32_t bits = 0;
    FN(store_int)(lanes, a < b);
    for (int i = 0; i < FN(N_LANES); i++)
        bits |= (uint32_t)(lanes[i] & 1) << i;
    return bits;
}
#endif

/* The sum of the lanes, in an order that is the same on one instruction set only. */
#ifdef NATIVE_SUM
ALWAYS_INLINE REAL FN(sum_lanes)(V a) { return NATIVE_SUM(a); }
#else
ALWAYS_INLINE REAL FN(sum_lanes)(V a)
{
    REAL lanes[FN(N_LANES)];
    FN(store)(lanes, a);
    for (int width = FN(N_LANES) / 2; width > 0; width /= 2)
        for (int i = 0; i < width; i++)
            lanes[i] += lanes[i + width];
    return lanes[0];
}
#endif

#if defined(NATIVE_WIDEN) && REAL_IS_FLOAT
ALWAYS_INLINE vec_f64 FN(load_doubles)(const REAL *p) { return (vec_f64)NATIVE_WIDEN(p); }
#else
ALWAYS_INLINE vec_f64 FN(load_doubles)(const REAL *p)
{
    FN(part) a;
    memcpy(&a, p, sizeof a);
    return __builtin_convertvector(a, vec_f64);
}
#endif

/* Rows of L values to columns, in place: log2(L) times, row i and row i + L/2 are interleaved to rows 2i and 2i + 1. */
#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define HAS_TRANSPOSE 1
#define INTERLEAVE_2(a, b, lo, hi)                                                                                     \
    lo = __builtin_shufflevector(a, b, 0, 2);                                                                          \
    hi = __builtin_shufflevector(a, b, 1, 3)
#define INTERLEAVE_4(a, b, lo, hi)                                                                                     \
    lo = __builtin_shufflevector(a, b, 0, 4, 1, 5);                                                                    \
    hi = __builtin_shufflevector(a, b, 2, 6, 3, 7)
#define INTERLEAVE_8(a, b, lo, hi)                                                                                     \
    lo = __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);                                                      \
    hi = __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#define INTERLEAVE_16(a, b, lo, hi)                                                                                    \
    lo = __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);                        \
    hi = __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#define INTERLEAVE_OF(n) CONCAT(INTERLEAVE, n)
ALWAYS_INLINE void FN(transpose)(V *a)
{
    V b[FN(N_LANES)];
    UNROLL
    for (int stage = 1; stage < FN(N_LANES); stage *= 2) {
        UNROLL
        for (int i = 0; i < FN(N_LANES) / 2; i++) {
            INTERLEAVE_OF(LANES_OF_REAL)(a[i], a[i + FN(N_LANES) / 2], b[2 * i], b[2 * i + 1]);
        }
        UNROLL
        for (int i = 0; i < FN(N_LANES); i++)
            a[i] = b[i];
    }
}
#undef INTERLEAVE_2
#undef INTERLEAVE_4
#undef INTERLEAVE_8
#undef INTERLEAVE_16
#undef INTERLEAVE_OF
#endif
#endif

#endif

#ifndef HAS_TRANSPOSE
#define HAS_TRANSPOSE 0
#endif

/* a where mask is set, else 0. */
#if VEC_BYTES == 0
ALWAYS_INLINE V FN(keep)(I mask, V a) { return mask ? a : 0; }
#else
ALWAYS_INLINE V FN(keep)(I mask, V a) { return (V)((I)a & mask); }
#endif

/* L rows of L values to columns, with or without the instructions for it. */
ALWAYS_INLINE void FN(to_columns)(V *a)
{
#if HAS_TRANSPOSE
    FN(transpose)(a);
#elif VEC_BYTES > 0
    REAL rows[FN(N_LANES)][FN(N_LANES)], columns[FN(N_LANES)][FN(N_LANES)];
    for (int i = 0; i < FN(N_LANES); i++)
        FN(store)(rows[i], a[i]);
    for (int i = 0; i < FN(N_LANES); i++)
        for (int t = 0; t < FN(N_LANES); t++)
            columns[t][i] = rows[i][t];
    for (int t = 0; t < FN(N_LANES); t++)
        a[t] = FN(load)(columns[t]);
#else
    (void)a;
#endif
}
