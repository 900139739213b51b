/* The work of bench/msg.ts in C: `msg <way> <times> <directory>` prints a sample as JSON. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SIZE = 64, THERE = 1, BACK = 2 };

struct message {
  long type;
  unsigned char bytes[SIZE];
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

static void send(int id, const struct message *message) {
  check(msgsnd(id, message, SIZE, 0) == 0, "msgsnd");
}

static void receive(int id, struct message *message, long type) {
  check(msgrcv(id, message, SIZE, type, 0) == SIZE, "msgrcv");
}

static long send_receive(int id, int back, long times) {
  struct message out = {.type = THERE}, in;
  long sum = 0;
  for (long i = 0; i < times; i++) {
    out.bytes[0] = (unsigned char)i;
    send(id, &out);
    receive(id, &in, back);
    sum += in.bytes[0];
  }
  return sum;
}

static void bounce(int id, long times) {
  struct message message;
  for (long i = 0; i < times; i++) {
    receive(id, &message, THERE);
    message.type = BACK;
    send(id, &message);
  }
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  const char *name = argv[1];
  long times = atol(argv[2]);
  int two = strcmp(name, "round trip") == 0;
  int id = msgget(IPC_PRIVATE, 0600);
  check(id != -1, "msgget");
  if (two && fork() == 0) {
    bounce(id, times);
    return 0;
  }
  double start = now();
  long checksum = send_receive(id, two ? BACK : 0, times);
  double ns = (now() - start) / times;
  if (two) wait(NULL);
  msgctl(id, IPC_RMID, NULL);
  printf("{\"nanoseconds\":%f,\"checksum\":\"%ld\",\"memory\":0}\n", ns, checksum);
  return 0;
}
