/* Makes one allocation fail: the nth of those that are counted. A library for LD_PRELOAD.
 *
 * Counted are the kernels', known by the file that the caller's code was loaded from, or those of NumPy's array data,
 * which come through the handler below. fault_arm says which, in the thread that is to meet the fault.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static __thread const char *counted_path; /* part of the path of the callers that are counted; "": array data */
static __thread long n_until_fault, n_counted;

void fault_arm(const char *path, long nth)
{
    n_counted = 0;
    n_until_fault = nth;
    counted_path = path;
}

/* How many allocations were counted since fault_arm. */
long fault_disarm(void)
{
    counted_path = NULL;
    return n_counted;
}

static int fails(void *caller)
{
    Dl_info found;
    if (counted_path == NULL || *counted_path == 0 || !dladdr(caller, &found) || found.dli_fname == NULL)
        return 0;
    return strstr(found.dli_fname, counted_path) != NULL && ++n_counted == n_until_fault;
}

#define CALLER __builtin_return_address(0)
#define REFUSED(result) (errno = ENOMEM, (result))

void *malloc(size_t n) { return fails(CALLER) ? REFUSED(NULL) : __libc_malloc(n); }
void *calloc(size_t n, size_t size) { return fails(CALLER) ? REFUSED(NULL) : __libc_calloc(n, size); }
void *realloc(void *p, size_t n) { return fails(CALLER) ? REFUSED(NULL) : __libc_realloc(p, n); }
void *aligned_alloc(size_t alignment, size_t n) { return fails(CALLER) ? REFUSED(NULL) : __libc_memalign(alignment, n); }

int posix_memalign(void **p, size_t alignment, size_t n)
{
    if (fails(CALLER))
        return ENOMEM;
    *p = __libc_memalign(alignment, n);
    return *p == NULL ? ENOMEM : 0;
}

static int data_fails(void) { return counted_path != NULL && *counted_path == 0 && ++n_counted == n_until_fault; }
static void *data_malloc(void *context, size_t n) { return data_fails() ? NULL : __libc_malloc(n > 0 ? n : 1); }
static void *data_calloc(void *context, size_t n, size_t size) { return data_fails() ? NULL : __libc_calloc(n, size); }
static void *data_realloc(void *context, void *p, size_t n) { return data_fails() ? NULL : __libc_realloc(p, n); }
static void data_free(void *context, void *p, size_t n) { free(p); }

/* NumPy's PyDataMem_Handler (NEP 49), for PyDataMem_SetHandler. */
struct {
    char name[127];
    unsigned char version;
    void *context;
    void *(*malloc)(void *, size_t);
    void *(*calloc)(void *, size_t, size_t);
    void *(*realloc)(void *, void *, size_t);
    void (*free)(void *, void *, size_t);
} fault_handler = {"fail_nth", 1, NULL, data_malloc, data_calloc, data_realloc, data_free};
