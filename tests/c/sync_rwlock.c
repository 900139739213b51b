/* A C program that shares a reader-writer lock of Isthmus by pthread calls alone, as its documentation tells:
 *   sync_rwlock <segment> <offset> <readers> read|write <times>  reads or writes a pair of numbers at the segment's start
 *   sync_rwlock <segment> <offset> <readers> hold read|write     locks it, says so, and waits for a line */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/shm.h>

struct slot {
  _Alignas(64) pthread_mutex_t mutex;
};

struct rwlock {
  _Alignas(64) char header[64];
  _Alignas(64) pthread_mutex_t turnstile;
  _Alignas(16) int inconsistent;
  struct slot slots[];
};

_Static_assert(sizeof(pthread_mutex_t) <= 48, "");

static int readers;

static void check(int result, const char *what) {
  if (result == 0) return;
  fprintf(stderr, "%s: %s\n", what, strerror(result));
  exit(1);
}

static void enter(struct rwlock *lock) {
  int result = pthread_mutex_lock(&lock->turnstile);
  if (result == EOWNERDEAD) {
    lock->inconsistent = 1;
    result = pthread_mutex_consistent(&lock->turnstile);
  }
  check(result, "turnstile");
}

static void take(pthread_mutex_t *slot, int result) {
  if (result == EOWNERDEAD) result = pthread_mutex_consistent(slot);
  check(result, "slot");
}

static int lock_read(struct rwlock *lock) {
  enter(lock);
  int i = 0, result = EBUSY;
  for (; i < readers; i++)
    if ((result = pthread_mutex_trylock(&lock->slots[i].mutex)) != EBUSY) break;
  if (result == EBUSY) result = pthread_mutex_lock(&lock->slots[i = 0].mutex);
  take(&lock->slots[i].mutex, result);
  check(pthread_mutex_unlock(&lock->turnstile), "turnstile");
  return i;
}

static void lock_write(struct rwlock *lock) {
  enter(lock);
  for (int i = 0; i < readers; i++) take(&lock->slots[i].mutex, pthread_mutex_lock(&lock->slots[i].mutex));
}

static void unlock_write(struct rwlock *lock) {
  for (int i = 0; i < readers; i++) pthread_mutex_unlock(&lock->slots[i].mutex);
  pthread_mutex_unlock(&lock->turnstile);
}

int main(int argc, char **argv) {
  if (argc != 6) return 2;
  char *memory = shmat(atoi(argv[1]), NULL, 0);
  if (memory == (char *)-1) {
    perror("shmat");
    return 1;
  }
  volatile int *pair = (volatile int *)memory;
  struct rwlock *lock = (struct rwlock *)(memory + atoi(argv[2]));
  readers = atoi(argv[3]);
  if (strcmp(argv[4], "hold") == 0) {
    if (strcmp(argv[5], "read") == 0) lock_read(lock);
    else lock_write(lock);
    printf("holding, inconsistent %d\n", lock->inconsistent);
    fflush(stdout);
    getchar();
    return 0;
  }
  for (long times = atol(argv[5]); times > 0; times--) {
    if (strcmp(argv[4], "read") == 0) {
      int slot = lock_read(lock);
      if (pair[0] != pair[1]) check(EPROTO, "the pair");
      pthread_mutex_unlock(&lock->slots[slot].mutex);
    } else {
      lock_write(lock);
      pair[0]++;
      pair[1]++;
      unlock_write(lock);
    }
  }
  return 0;
}
