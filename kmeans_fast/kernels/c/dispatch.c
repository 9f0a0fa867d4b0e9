/* Which instruction sets this machine can run. Nothing from an isa_<name>.c is called before its test. */
#include "kernels.h"
#include "platform.h"

static int cpu_has_vectors(void) { return HAS_VECTORS; }
static int cpu_is_arm64(void) { return IS_ARM64; }

#if IS_X86
/* The compiler's own test also asks the operating system whether it saves the wide registers. */
static int cpu_has_avx2_fma(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static int cpu_has_avx512(void)
{
    return cpu_has_avx2_fma() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

static int cpu_has_avx512_bf16(void) { return cpu_has_avx512() && __builtin_cpu_supports("avx512bf16"); }
static int cpu_has_avx512_vnni(void) { return cpu_has_avx512() && __builtin_cpu_supports("avx512vnni"); }
#else
static int cpu_has_avx2_fma(void) { return 0; }
static int cpu_has_avx512(void) { return 0; }
static int cpu_has_avx512_bf16(void) { return 0; }
static int cpu_has_avx512_vnni(void) { return 0; }
#endif

/* Each isa_<name>.c gives its table, or NULL where this compiler can't make it. */
#define ISA(name, available) extern const kf_isa *kf_isa_##name(void);
#include "isas.def"
#undef ISA

typedef struct {
    const char *name;
    const kf_isa *(*get)(void);
} entry;

static const entry ENTRIES[] = {
#define ISA(name, available) {#name, kf_isa_##name},
#include "isas.def"
#undef ISA
};

int kf_n_isas(void) { return (int)(sizeof ENTRIES / sizeof ENTRIES[0]); }

const char *kf_isa_name(int index) { return ENTRIES[index].name; }

int kf_isa_available(int index)
{
    int i = 0;
#define ISA(name, available)                                                                                           \
    if (i++ == index)                                                                                                  \
        return (available) != 0;
#include "isas.def"
#undef ISA
    return 0;
}

const kf_isa *kf_isa_at(int index) { return ENTRIES[index].get(); }
