/* A client of queue_server.ts, as people write it in C.
 *
 * queue_client <path> <id> <text> ...
 *
 * Sends each text as a request, and prints the reply. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <unistd.h>

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
  if (argc < 4) return 2;
  key_t key = ftok(argv[1], (int)strtol(argv[2], NULL, 0));
  if (key == -1) fail("ftok");
  int id = msgget(key, 0);
  if (id == -1) fail("msgget");

  for (int i = 3; i < argc; i++) {
    struct request request = {.mtype = 1, .pid = getpid(), .number = (uint32_t)i};
    size_t length = strlen(argv[i]);
    if (length > sizeof request.text) return 2;
    memcpy(request.text, argv[i], length);
    if (msgsnd(id, &request, 8 + length, 0) == -1) fail("msgsnd");

    struct reply reply;
    ssize_t size = msgrcv(id, &reply, sizeof reply - sizeof reply.mtype, getpid(), 0);
    if (size == -1) fail("msgrcv");
    if (size < 4 || reply.number != request.number) return 3;
    printf("%.*s\n", (int)size - 4, reply.text);
  }
  return 0;
}
