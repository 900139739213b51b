/* Both sides of typed_server.ts and typed_client.ts, as people write them in C.
 *
 * typed_peer server|client packed|aligned <path> <id>
 *
 * The server writes the record, and removes the segment when its standard input ends. The client
 * prints what it reads. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>

#define FIELDS          \
  char intro[19];       \
  int32_t numerator;    \
  char slash;           \
  int32_t denominator;  \
  char equals[3];       \
  double quotient;      \
  char newline;         \
  char goodbye[8];

struct __attribute__((packed)) packed {
  FIELDS
};
struct aligned {
  FIELDS
};

static void fail(const char *what) {
  perror(what);
  exit(1);
}

#define WRITE(p)                             \
  do {                                       \
    strcpy((p)->intro, "PI is defined as: "); \
    (p)->numerator = 22;                     \
    (p)->slash = '/';                        \
    (p)->denominator = 7;                    \
    strcpy((p)->equals, "==");               \
    (p)->quotient = 22.0 / 7.0;              \
    (p)->newline = '\n';                     \
    strcpy((p)->goodbye, "goodbye");         \
  } while (0)

#define PRINT(p)                                                                        \
  printf("%s%d%c%d%s%g%c%s\n", (p)->intro, (p)->numerator, (p)->slash, (p)->denominator, \
         (p)->equals, (p)->quotient, (p)->newline, (p)->goodbye)

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  int server = strcmp(argv[1], "server") == 0, aligned = strcmp(argv[2], "aligned") == 0;
  key_t key = ftok(argv[3], (int)strtol(argv[4], NULL, 0));
  if (key == -1) fail("ftok");
  int id = shmget(key, 1024, server ? IPC_CREAT | IPC_EXCL | 0600 : 0);
  if (id == -1) fail("shmget");
  void *memory = shmat(id, NULL, server ? 0 : SHM_RDONLY);
  if (memory == (void *)-1) fail("shmat");

  if (server) {
    if (aligned) WRITE((struct aligned *)memory);
    else WRITE((struct packed *)memory);
    puts("written");
    fflush(stdout);
    while (getchar() != EOF) continue;
    if (shmctl(id, IPC_RMID, NULL) == -1) fail("shmctl");
  } else {
    if (aligned) PRINT((const struct aligned *)memory);
    else PRINT((const struct packed *)memory);
  }
  if (shmdt(memory) == -1) fail("shmdt");
  return 0;
}
