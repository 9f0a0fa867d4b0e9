/* OpenMP's own limit, or 1 where the build has no OpenMP. */
#ifndef KMEANS_FAST_THREADS_H
#define KMEANS_FAST_THREADS_H

#ifdef _OPENMP
#include <omp.h>
static inline int kf_max_threads(void) { return omp_get_max_threads(); }
static inline int kf_has_openmp(void) { return 1; }
#else
static inline int kf_max_threads(void) { return 1; }
static inline int kf_has_openmp(void) { return 0; }
#endif

#endif
