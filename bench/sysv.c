/* The work of bench/sysv.ts in C: `sysv <way> <times> <directory>` prints a sample as JSON. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/sem.h>
#include <sys/shm.h>

#include "pin.h"
#include "together.h"

/* For so long Isthmus asks again and again before a thread sleeps for a semaphore. */
enum { SEMAPHORE_SPIN = 15000 };

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

/* Takes it, if `spinning` after asking again and again. */
static void take(int id, int index, int flags, int spinning) {
  struct sembuf op = {index, -1, flags | IPC_NOWAIT};
  if (spinning) {
    for (double end = now() + SEMAPHORE_SPIN; now() < end;) {
      if (semop(id, &op, 1) == 0) return;
    }
  }
  change(id, index, -1, flags);
}

static void lock(int id, long times, int spinning) {
  for (long i = 0; i < times; i++) {
    take(id, 0, SEM_UNDO, spinning);
    change(id, 0, 1, SEM_UNDO);
  }
}

/* Passes the turn to the other process and waits until it comes back. */
static void hand_over(int id, int first, long times, int spinning) {
  for (long i = 0; i < times; i++) {
    if (first) change(id, 0, 1, 0);
    take(id, first, 0, spinning);
    if (!first) change(id, 1, 1, 0);
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
  memset(block, 0, sizeof block);
  for (long i = 0; i < times; i++) {
    block[i % sizeof block]++;
    memcpy(memory, block, sizeof block);
  }
  long sum = 0;
  for (size_t i = 0; i < sizeof block; i++) sum += memory[i];
  shmdt(memory);
  return sum;
}

static int starts(const char *name, const char *with) {
  return strncmp(name, with, strlen(with)) == 0;
}

static long work(const char *name, int set, int segment, long times, int first) {
  int spinning = strstr(name, "spinning") != NULL;
  if (starts(name, "round trip")) hand_over(set, first, times, spinning);
  else if (starts(name, "contend")) lock(set, times, spinning);
  else if (strcmp(name, "attach") == 0) return attach(segment, times);
  else if (strcmp(name, "copy 64 KiB") == 0) return copy(segment, times);
  else {
    lock(set, times, 0);
    return semctl(set, 0, GETVAL);
  }
  return times;
}

/* The other process: the same gates as in accompany() of bench/sysv.ts. */
static void accompany(const char *name, struct gate *gate, int set, long times) {
  pin(1);
  pass_gate(gate);
  work(name, set, -1, warm_up_of(times), 0);
  pass_gate(gate);
  work(name, set, -1, times, 0);
  pass_gate(gate);
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  const char *name = argv[1];
  long times = atol(argv[2]);
  int others = starts(name, "contend") || starts(name, "round trip");
  int set = make_set(!starts(name, "round trip"), 0);
  int segment = shmget(IPC_PRIVATE, 65536, 0600);
  struct gate *gate = mmap(NULL, sizeof *gate, PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (gate == MAP_FAILED) return 1;
  if (others && start_child() == 0) {
    accompany(name, gate, set, times);
    _exit(0);
  }
  if (others) pin(0);
  open_gate(gate, others);
  work(name, set, segment, warm_up_of(times), 1);
  await_children(gate, others);
  double start = now();
  open_gate(gate, others);
  long checksum = work(name, set, segment, times, 1);
  open_gate(gate, others); /* the other one is done as well */
  double ns = (now() - start) / times;
  semctl(set, 0, IPC_RMID);
  shmctl(segment, IPC_RMID, NULL);
  printf("{\"nanoseconds\":%f,\"checksum\":\"%ld\",\"memory\":0}\n", ns, checksum);
  return 0;
}
