/* A server for queue_client.ts, as people write it in C.
 *
 * queue_server <path> <id> <count>
 *
 * Creates the queue, answers `count` requests with their texts in capital letters, and waits for a
 * line before it removes the queue. */

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/msg.h>

struct request {
  long mtype;
  int32_t pid;
  uint32_t number;
  char text[1000];
};

struct reply {
  long mtype;
  uint32_t number;
  char text[1000];
};

static void fail(const char *what) {
  perror(what);
  exit(1);
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  key_t key = ftok(argv[1], (int)strtol(argv[2], NULL, 0));
  if (key == -1) fail("ftok");
  int id = msgget(key, 0600 | IPC_CREAT | IPC_EXCL);
  if (id == -1) fail("msgget");
  puts("waiting");
  fflush(stdout);

  for (long count = atol(argv[3]); count > 0; count--) {
    struct request request;
    ssize_t size = msgrcv(id, &request, sizeof request - sizeof request.mtype, 1, 0);
    if (size == -1) fail("msgrcv");
    if (size < 8) return 3;
    struct reply reply = {.mtype = request.pid, .number = request.number};
    size_t length = (size_t)size - 8;
    for (size_t i = 0; i < length; i++)
      reply.text[i] = (char)toupper((unsigned char)request.text[i]);
    if (msgsnd(id, &reply, 4 + length, 0) == -1) fail("msgsnd");
  }
  getchar();
  if (msgctl(id, IPC_RMID, NULL) == -1) fail("msgctl");
  return 0;
}
