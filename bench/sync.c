/* The work of bench/sync.ts in C: `sync <way> <times> <directory>` prints a sample as JSON. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "pin.h"

enum { LINE = 64 };

struct shared {
  _Alignas(LINE) pthread_mutex_t mutex;
  _Alignas(LINE) volatile long counter; /* what the mutex guards */
  _Alignas(LINE) volatile int turn;
  pthread_cond_t condition;
  _Alignas(LINE) pthread_rwlock_t rwlock;
  _Alignas(LINE) sem_t semaphores[2];
  _Alignas(LINE) _Atomic int ready;
  _Atomic int go;
};

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}

static void check(int good, const char *what) {
  if (good) return;
  perror(what);
  exit(1);
}

static struct shared *make(void) {
  struct shared *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
                               MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  check(shared != MAP_FAILED, "mmap");
  pthread_mutexattr_t mutex;
  pthread_mutexattr_init(&mutex);
  pthread_mutexattr_setpshared(&mutex, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust(&mutex, PTHREAD_MUTEX_ROBUST);
  pthread_mutexattr_settype(&mutex, PTHREAD_MUTEX_ERRORCHECK);
  pthread_mutex_init(&shared->mutex, &mutex);
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

static void increment(struct shared *shared, long times) {
  for (long i = 0; i < times; i++) {
    lock(shared);
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

/* Passes the turn to the other process and waits until it comes back. */
static void hand_over(struct shared *shared, int give, int take, long times, int first) {
  for (long i = 0; i < times; i++) {
    if (first) sem_post(&shared->semaphores[give]);
    check(sem_wait(&shared->semaphores[take]) == 0, "sem_wait");
    shared->counter++;
    if (!first) sem_post(&shared->semaphores[give]);
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

static int is(const char *way, const char *name) { return strcmp(way, name) == 0; }

static void work(const char *way, struct shared *shared, long times, int first) {
  if (is(way, "semaphore handover")) hand_over(shared, !first, first, times, first);
  else if (is(way, "condition handover")) take_turns(shared, first, times);
  else if (is(way, "rwlock, read")) read_lock(shared, times);
  else if (is(way, "semaphore")) post_and_wait(shared, times);
  else increment(shared, times);
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  const char *way = argv[1];
  long times = atol(argv[2]);
  struct shared *shared = make();
  int two = is(way, "mutex, contended") || strstr(way, "handover") != NULL;
  int child = two ? fork() : -1;
  if (two) pin(child == 0);
  if (child == 0) {
    atomic_store(&shared->ready, 1);
    while (!atomic_load(&shared->go)) sched_yield();
    work(way, shared, times / 10, 0);
    work(way, shared, times, 0);
    _exit(0);
  }
  while (two && !atomic_load(&shared->ready)) sched_yield();
  atomic_store(&shared->go, 1);
  work(way, shared, times / 10, 1);
  double start = now();
  work(way, shared, times, 1);
  if (two) {
    int status;
    wait(&status); /* both have to be done */
    check(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the other process");
  }
  double ns = (now() - start) / times;
  printf("{\"nanoseconds\":%f,\"checksum\":\"%ld\",\"memory\":0}\n", ns,
         shared->counter - times / 10 * (two ? 2 : 1));
  return 0;
}
