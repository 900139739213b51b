/* The work of bench/sysv.ts in C: `sysv <way> <times> <directory>` prints a sample as JSON. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}

static int make_set(int first, int second) {
  int id = semget(IPC_PRIVATE, 2, 0600);
  semctl(id, 0, SETVAL, first);
  semctl(id, 1, SETVAL, second);
  return id;
}

static void change(int id, int index, int by, int flags) {
  struct sembuf op = {index, by, flags};
  if (semop(id, &op, 1) == -1) {
    perror("semop");
    exit(1);
  }
}

static void lock(int id, long times) {
  for (long i = 0; i < times; i++) {
    change(id, 0, -1, SEM_UNDO);
    change(id, 0, 1, SEM_UNDO);
  }
}

static void bounce(int id, int take, int give, long times) {
  for (long i = 0; i < times; i++) {
    change(id, take, -1, 0);
    change(id, give, 1, 0);
  }
}

static long attach(int id, long times) {
  unsigned char last = 0;
  for (long i = 0; i < times; i++) {
    volatile unsigned char *memory = shmat(id, NULL, 0);
    memory[0] = (unsigned char)i;
    last = memory[0];
    shmdt((void *)memory);
  }
  return last;
}

static long copy(int id, long times) {
  static unsigned char block[65536];
  unsigned char *memory = shmat(id, NULL, 0);
  memset(memory, 1, sizeof block);
  for (long i = 0; i < times; i++) {
    block[i % sizeof block]++;
    memcpy(memory, block, sizeof block);
  }
  long sum = 0;
  for (size_t i = 0; i < sizeof block; i++) sum += memory[i];
  shmdt(memory);
  return sum;
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  const char *name = argv[1];
  long times = atol(argv[2]), checksum = times;
  int two = strcmp(name, "contend") == 0 || strcmp(name, "round trip") == 0;
  int set = make_set(strcmp(name, "round trip") != 0, 0);
  int segment = shmget(IPC_PRIVATE, 65536, 0600);
  if (two && fork() == 0) {
    if (strcmp(name, "contend") == 0) lock(set, times);
    else bounce(set, 0, 1, times);
    return 0;
  }
  double start = now();
  if (strcmp(name, "lock") == 0) {
    lock(set, times);
    checksum = semctl(set, 0, GETVAL);
  } else if (strcmp(name, "contend") == 0) lock(set, times);
  else if (strcmp(name, "round trip") == 0)
    for (long i = 0; i < times; i++) {
      change(set, 0, 1, 0);
      change(set, 1, -1, 0);
    }
  else if (strcmp(name, "attach") == 0) checksum = attach(segment, times);
  else if (strcmp(name, "copy 64 KiB") == 0) checksum = copy(segment, times);
  double ns = (now() - start) / times;
  if (two) wait(NULL);
  semctl(set, 0, IPC_RMID);
  shmctl(segment, IPC_RMID, NULL);
  printf("{\"nanoseconds\":%f,\"checksum\":\"%ld\",\"memory\":0}\n", ns, checksum);
  return 0;
}
