/* What the C programs with several processes share: the clock, gates, and how to wait. Needs
   _GNU_SOURCE. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

/* For so long Isthmus asks again and again before a thread sleeps (SPIN_SYNC in sync/patience.ts),
   and so often it pauses between two looks at a mutex (PAUSES in sync/mutex_core.ts). */
enum { SPIN = 20000, PAUSES = 32 };

/* Who waits at a gate lets others run after so many looks. */
enum { SPINS = 4000 };

/* How often it is done before anything is measured, as in bench/pair.ts. */
static inline long warm_up_of(long times) {
  long count = times / 4 < 500000 ? times / 4 : 500000;
  return count / 8 * 8;
}

static inline double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}

static inline void relax(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/* Spins, and lets others run when that takes long. */
static inline void wait_a_little(unsigned *tries) {
  if (++*tries < SPINS) relax();
  else sched_yield();
}

/* Holds processes back until all are ready, as often as needed, as the one of bench/pair.ts. */
struct gate {
  _Atomic int ready;
  _Atomic int round;
};

/* How often this process has passed or opened it. */
static int rounds;

/* For the children: says that this one is ready, and waits until the gate is opened. */
static inline void pass_gate(struct gate *gate) {
  rounds++;
  atomic_fetch_add(&gate->ready, 1);
  for (unsigned tries = 0; atomic_load(&gate->round) < rounds;) wait_a_little(&tries);
}

/* For the parent: waits until so many children are ready. */
static inline void await_children(struct gate *gate, int children) {
  for (unsigned tries = 0; atomic_load(&gate->ready) < children * (rounds + 1);) {
    wait_a_little(&tries);
  }
}

/* The same, and lets them pass. */
static inline void open_gate(struct gate *gate, int children) {
  await_children(gate, children);
  atomic_store(&gate->round, ++rounds);
}

/* A child that ends with this process. */
static inline int start_child(void) {
  int pid = fork();
  if (pid == 0) prctl(PR_SET_PDEATHSIG, SIGKILL);
  return pid;
}

/* A robust mutex that processes share. */
static inline void make_mutex(pthread_mutex_t *mutex) {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
  pthread_mutex_init(mutex, &attributes);
}

/* Locks a mutex, of which glibc's robust ones never spin, after spinning as Isthmus does. */
static inline int lock_spinning(pthread_mutex_t *mutex) {
  int result = pthread_mutex_trylock(mutex);
  if (result != EBUSY) return result;
  double end = now() + SPIN;
  do {
    for (int i = 0; i < PAUSES; i++) relax();
    result = pthread_mutex_trylock(mutex);
  } while (result == EBUSY && now() < end);
  return result == EBUSY ? pthread_mutex_lock(mutex) : result;
}
