/* The work of bench/sync.ts in C: `sync <way> <times> <directory>` prints a sample as JSON. */
#define _GNU_SOURCE
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "pin.h"
#include "together.h"

enum { LINE = 64 };

struct shared {
  _Alignas(LINE) pthread_mutex_t mutex;
  _Alignas(LINE) volatile long counter; /* what the mutex guards */
  _Alignas(LINE) volatile int turn;
  pthread_cond_t condition;
  _Alignas(LINE) pthread_rwlock_t rwlock;
  _Alignas(LINE) sem_t semaphores[2];
  _Alignas(LINE) struct gate gate;
};

static void check(int good, const char *what) {
  if (good) return;
  perror(what);
  exit(1);
}

static struct shared *make(void) {
  struct shared *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
                               MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  check(shared != MAP_FAILED, "mmap");
  make_mutex(&shared->mutex);
  pthread_condattr_t condition;
  pthread_condattr_init(&condition);
  pthread_condattr_setpshared(&condition, PTHREAD_PROCESS_SHARED);
  pthread_cond_init(&shared->condition, &condition);
  pthread_rwlockattr_t rwlock;
  pthread_rwlockattr_init(&rwlock);
  pthread_rwlockattr_setpshared(&rwlock, PTHREAD_PROCESS_SHARED);
  pthread_rwlock_init(&shared->rwlock, &rwlock);
  for (int i = 0; i < 2; i++) sem_init(&shared->semaphores[i], 1, 0);
  return shared;
}

static void lock(struct shared *shared) {
  check(pthread_mutex_lock(&shared->mutex) == 0, "pthread_mutex_lock");
}

static void unlock(struct shared *shared) {
  check(pthread_mutex_unlock(&shared->mutex) == 0, "pthread_mutex_unlock");
}

static void lock_soon(struct shared *shared) {
  check(lock_spinning(&shared->mutex) == 0, "pthread_mutex_lock");
}

static void increment(struct shared *shared, long times) {
  for (long i = 0; i < times; i++) {
    lock(shared);
    shared->counter++;
    unlock(shared);
  }
}

static void increment_spinning(struct shared *shared, long times) {
  for (long i = 0; i < times; i++) {
    lock_soon(shared);
    shared->counter++;
    unlock(shared);
  }
}

static void read_lock(struct shared *shared, long times) {
  for (long i = 0; i < times; i++) {
    check(pthread_rwlock_rdlock(&shared->rwlock) == 0, "pthread_rwlock_rdlock");
    shared->counter++; /* nobody else is here */
    pthread_rwlock_unlock(&shared->rwlock);
  }
}

static void post_and_wait(struct shared *shared, long times) {
  for (long i = 0; i < times; i++) {
    sem_post(&shared->semaphores[0]);
    check(sem_wait(&shared->semaphores[0]) == 0, "sem_wait");
    shared->counter++;
  }
}

static void take(sem_t *semaphore, int spinning) {
  if (spinning) {
    for (double end = now() + SPIN; now() < end; relax()) {
      if (sem_trywait(semaphore) == 0) return;
    }
  }
  check(sem_wait(semaphore) == 0, "sem_wait");
}

/* Passes the turn to the other process and waits until it comes back. */
static void hand_over(struct shared *shared, int first, long times, int spinning) {
  sem_t *gives = &shared->semaphores[!first], *takes = &shared->semaphores[first];
  for (long i = 0; i < times; i++) {
    if (first) sem_post(gives);
    take(takes, spinning);
    shared->counter++;
    if (!first) sem_post(gives);
  }
}

/* The same with a variable that a mutex guards, and a condition. */
static void take_turns(struct shared *shared, int mine, long times) {
  for (long i = 0; i < times; i++) {
    lock(shared);
    while (shared->turn != mine) pthread_cond_wait(&shared->condition, &shared->mutex);
    shared->turn = !mine;
    shared->counter++;
    pthread_cond_signal(&shared->condition);
    unlock(shared);
  }
}

/* The same, where the mutex is left, and the variable looked at, for a while before sleeping. */
static void take_turns_spinning(struct shared *shared, int mine, long times) {
  for (long i = 0; i < times; i++) {
    for (double end = now() + SPIN; shared->turn != mine && now() < end;) relax();
    lock_soon(shared);
    while (shared->turn != mine) pthread_cond_wait(&shared->condition, &shared->mutex);
    shared->turn = !mine;
    shared->counter++;
    pthread_cond_signal(&shared->condition);
    unlock(shared);
  }
}

static int is(const char *way, const char *name) { return strcmp(way, name) == 0; }

static void work(const char *way, struct shared *shared, long times, int first) {
  if (is(way, "semaphore handover")) hand_over(shared, first, times, 0);
  else if (is(way, "semaphore handover, spinning")) hand_over(shared, first, times, 1);
  else if (is(way, "condition handover")) take_turns(shared, first, times);
  else if (is(way, "condition handover, spinning")) take_turns_spinning(shared, first, times);
  else if (is(way, "mutex, contended, spinning")) increment_spinning(shared, times);
  else if (is(way, "rwlock, read")) read_lock(shared, times);
  else if (is(way, "semaphore")) post_and_wait(shared, times);
  else increment(shared, times);
}

/* The other process: the same gates as in accompany() of bench/sync.ts. */
static void accompany(const char *way, struct shared *shared, long times, long warm_up) {
  pin(1);
  pass_gate(&shared->gate);
  work(way, shared, warm_up, 0);
  pass_gate(&shared->gate);
  work(way, shared, times, 0);
  pass_gate(&shared->gate);
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  const char *way = argv[1];
  long times = atol(argv[2]), warm_up = warm_up_of(times);
  struct shared *shared = make();
  int others = strstr(way, "contended") != NULL || strstr(way, "handover") != NULL;
  if (others && start_child() == 0) {
    accompany(way, shared, times, warm_up);
    _exit(0);
  }
  if (others) pin(0);
  open_gate(&shared->gate, others);
  work(way, shared, warm_up, 1);
  await_children(&shared->gate, others);
  long before = shared->counter;
  double start = now();
  open_gate(&shared->gate, others);
  work(way, shared, times, 1);
  open_gate(&shared->gate, others); /* the other one is done as well */
  double ns = (now() - start) / times;
  printf("{\"nanoseconds\":%f,\"checksum\":\"%ld\",\"memory\":0}\n", ns,
         shared->counter - before);
  return 0;
}
