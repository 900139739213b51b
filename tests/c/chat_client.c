/* A chat client that knows no semaphores, as people write it in C.
 *
 * chat_client <path> <id> <count> <pause in ms>
 *
 * Writes `count` messages into the segment, each over the last, with a pause after each. */

#include <stdio.h>
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <unistd.h>

static void fail(const char *what) {
  perror(what);
  exit(1);
}

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  long count = atol(argv[3]), pause_ms = atol(argv[4]);

  key_t key = ftok(argv[1], (int)strtol(argv[2], NULL, 0));
  if (key == -1) fail("ftok");
  int id = shmget(key, 4096, 0600);
  if (id == -1) fail("shmget");
  char *text = shmat(id, NULL, 0);
  if (text == (void *)-1) fail("shmat");

  for (long number = 1; number <= count; number++) {
    snprintf(text, 4096,
             "hello server, I am another process, communicating with you"
             "[pid:%d][message number:%ld]",
             (int)getpid(), number);
    usleep((useconds_t)pause_ms * 1000);
  }

  if (shmdt(text) == -1) fail("shmdt");
  return 0;
}
