/* A chat server that knows no semaphores, as people write it in C.
 *
 * chat_server <path> <id> <count> <pause in ms>
 *
 * Creates the segment, prints what it finds there after each pause, `count` times or until
 * SIGTERM, and removes it. */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <unistd.h>

static volatile sig_atomic_t stopped;

static void stop(int signal) {
  (void)signal;
  stopped = 1;
}

static void fail(const char *what) {
  perror(what);
  exit(1);
}

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  long count = atol(argv[3]), pause_ms = atol(argv[4]);
  signal(SIGTERM, stop);
  setvbuf(stdout, NULL, _IOLBF, 0);

  key_t key = ftok(argv[1], (int)strtol(argv[2], NULL, 0));
  if (key == -1) fail("ftok");
  int id = shmget(key, 4096, IPC_CREAT | IPC_EXCL | 0600);
  if (id == -1) fail("shmget");
  char *text = shmat(id, NULL, 0);
  if (text == (void *)-1) fail("shmat");

  for (long look = 0; look < count && !stopped; look++) {
    printf("client say:%s\n", text);
    usleep((useconds_t)pause_ms * 1000);
  }

  if (shmdt(text) == -1) fail("shmdt");
  if (shmctl(id, IPC_RMID, NULL) == -1) fail("shmctl");
  return 0;
}
