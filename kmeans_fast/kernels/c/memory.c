/* Memory for working copies: aligned, and in huge pages where it is large (a page fault costs more than a pack). */
#include "memory.h"

#include <stdlib.h>

#if defined(_WIN32)
#include <malloc.h>

void *kf_allocate(size_t bytes) { return _aligned_malloc(bytes > 0 ? bytes : 1, 64); }
void kf_free(void *memory) { _aligned_free(memory); }

#else
#if defined(__linux__)
#include <sys/mman.h>
#endif

enum { HUGE_PAGE = 1 << 21 };

void *kf_allocate(size_t bytes)
{
    void *memory = NULL;
    int is_large = bytes >= 2 * (size_t)HUGE_PAGE;
    if (posix_memalign(&memory, is_large ? HUGE_PAGE : 64, bytes > 0 ? bytes : 1) != 0)
        return NULL;
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    if (is_large)
        (void)madvise(memory, bytes, MADV_HUGEPAGE);
#endif
    return memory;
}

void kf_free(void *memory) { free(memory); }
#endif
