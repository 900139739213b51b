/* A C program at the other end of a message queue:
 *   msg_peer create <key>                      creates a queue for this user, and prints its id
 *   msg_peer send <id> <type> <text> ...       sends each text as a message
 *   msg_peer fill <id> <type> <length> <count> sends so many messages of so many bytes
 *   msg_peer receive <id> <msgtyp> <count>     prints type, length and text of so many messages
 *   msg_peer drain <id> <count>                receives so many, and prints how many bytes came
 *   msg_peer echo <id> <type>                  sends what comes with a type back with the next
 *                                              type, until an empty message comes */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>

struct message {
  long mtype;
  char mtext[65536];
};

static struct message message;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static void send_message(int id, size_t length) {
  if (msgsnd(id, &message, length, 0) == -1) fail("msgsnd");
}

static size_t receive_message(int id, long type) {
  ssize_t length = msgrcv(id, &message, sizeof message.mtext, type, 0);
  if (length == -1) fail("msgrcv");
  return (size_t)length;
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  const char *command = argv[1];
  int id = atoi(argv[2]);

  if (strcmp(command, "create") == 0) {
    id = msgget((key_t)strtoul(argv[2], NULL, 0), 0600 | IPC_CREAT | IPC_EXCL);
    if (id == -1) fail("msgget");
    printf("%d\n", id);
  } else if (strcmp(command, "send") == 0) {
    for (int i = 4; i < argc; i++) {
      message.mtype = atol(argv[3]);
      strcpy(message.mtext, argv[i]);
      send_message(id, strlen(argv[i]));
    }
  } else if (strcmp(command, "fill") == 0 && argc == 6) {
    message.mtype = atol(argv[3]);
    memset(message.mtext, 'x', sizeof message.mtext);
    for (long count = atol(argv[5]); count > 0; count--) send_message(id, (size_t)atol(argv[4]));
  } else if (strcmp(command, "receive") == 0 && argc == 5) {
    for (long count = atol(argv[4]); count > 0; count--) {
      size_t length = receive_message(id, atol(argv[3]));
      printf("%ld %zu %.*s\n", message.mtype, length, (int)length, message.mtext);
      fflush(stdout);
    }
  } else if (strcmp(command, "drain") == 0 && argc == 4) {
    size_t total = 0;
    for (long count = atol(argv[3]); count > 0; count--) total += receive_message(id, 0);
    printf("%zu\n", total);
  } else if (strcmp(command, "echo") == 0 && argc == 4) {
    long type = atol(argv[3]);
    for (;;) {
      size_t length = receive_message(id, type);
      if (length == 0) break;
      message.mtype = type + 1;
      send_message(id, length);
    }
  } else {
    return 2;
  }
  return 0;
}
