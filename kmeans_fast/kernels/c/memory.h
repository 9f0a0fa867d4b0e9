#ifndef KMEANS_FAST_MEMORY_H
#define KMEANS_FAST_MEMORY_H

#include <stddef.h>

/* 64-byte aligned, not cleared; NULL if there is none. */
void *kf_allocate(size_t bytes);
void kf_free(void *memory);

#endif
