/* What the kernels use of OpenMP, on POSIX threads: a library for LD_PRELOAD.
 *
 * ThreadSanitizer knows the locks, starts and ends of POSIX threads, but none of libgomp's: with libgomp it can tell no race
 * from a loop that follows another one. Each parallel region here has threads of its own, and one loop at most.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

typedef struct {
    void (*body)(void *);
    void *data;
    pthread_mutex_t lock;
    pthread_barrier_t barrier;
    bool is_begun;
    long next, stop, step;
    int n_threads;
} team;

typedef struct {
    team *team;
    int number;
} member;

static __thread member me;

static void *take_part(void *given)
{
    me = *(member *)given;
    me.team->body(me.team->data);
    return NULL;
}

void GOMP_parallel(void (*body)(void *), void *data, unsigned n_threads, unsigned flags)
{
    team of = {.body = body, .data = data, .n_threads = n_threads > 0 ? (int)n_threads : 2};
    member before = me, members[of.n_threads];
    pthread_t threads[of.n_threads];
    pthread_mutex_init(&of.lock, NULL);
    pthread_barrier_init(&of.barrier, NULL, of.n_threads);
    for (int i = 0; i < of.n_threads; i++) {
        members[i] = (member){&of, i};
        if (i > 0 && pthread_create(&threads[i], NULL, take_part, &members[i]) != 0)
            abort();
    }
    take_part(&members[0]);
    for (int i = 1; i < of.n_threads; i++)
        pthread_join(threads[i], NULL);
    me = before;
    pthread_barrier_destroy(&of.barrier);
    pthread_mutex_destroy(&of.lock);
}

static bool next_part(team *of, long *first, long *stop)
{
    *first = of->next;
    *stop = of->next + of->step;
    of->next += of->step;
    return *first < of->stop;
}

bool GOMP_loop_nonmonotonic_dynamic_next(long *first, long *stop)
{
    pthread_mutex_lock(&me.team->lock);
    bool is_part = next_part(me.team, first, stop);
    pthread_mutex_unlock(&me.team->lock);
    return is_part;
}

bool GOMP_loop_nonmonotonic_dynamic_start(long start, long end, long step, long chunk, long *first, long *stop)
{
    if (step != 1 || chunk != 1)
        abort();
    pthread_mutex_lock(&me.team->lock);
    if (!me.team->is_begun) {
        me.team->is_begun = true;
        me.team->next = start;
        me.team->stop = end;
        me.team->step = step;
    }
    bool is_part = next_part(me.team, first, stop);
    pthread_mutex_unlock(&me.team->lock);
    return is_part;
}

void GOMP_loop_end_nowait(void) {}
void GOMP_barrier(void) { pthread_barrier_wait(&me.team->barrier); }
int omp_get_thread_num(void) { return me.number; }
int omp_get_num_threads(void) { return me.team == NULL ? 1 : me.team->n_threads; }
int omp_get_max_threads(void) { return 3; }
