/* A process of examples/counter.ts in C: adds 1 to the integer in a segment, under the semaphore 0
 * of a set, after all have come to the gate, its semaphore 1.
 *
 * counter <segment id> <set id> <times> */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/shm.h>

static void fail(const char *what) {
  perror(what);
  exit(1);
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  int set = atoi(argv[2]);
  long times = atol(argv[3]);
  volatile int *count = shmat(atoi(argv[1]), NULL, 0);
  if (count == (void *)-1) fail("shmat");

  struct sembuf come = {1, -1, IPC_NOWAIT}, wait = {1, 0, 0};
  if (semop(set, &come, 1) == -1 && errno != EAGAIN) fail("semop");
  if (semop(set, &wait, 1) == -1) fail("semop");

  struct sembuf lock = {0, -1, SEM_UNDO}, unlock = {0, 1, SEM_UNDO};
  for (long i = 0; i < times; i++) {
    if (semop(set, &lock, 1) == -1) fail("semop");
    *count = *count + 1;
    if (semop(set, &unlock, 1) == -1) fail("semop");
  }
  if (shmdt((void *)count) == -1) fail("shmdt");
  return 0;
}
