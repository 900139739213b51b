/* examples/hello_write.ts in C: leaves a greeting in a segment.
 *
 * hello_write <path> <id> */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>

enum { SIZE = 512 };

static void fail(const char *what) {
  perror(what);
  exit(1);
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;

  key_t key = ftok(argv[1], atoi(argv[2]));
  if (key == -1) fail("ftok");
  printf("key=%#x\n", (unsigned)key);
  int id = shmget(key, SIZE, IPC_CREAT | 0666);
  if (id == -1) fail("shmget");
  printf("shmid=%d\n", id);
  char *memory = shmat(id, NULL, 0);
  if (memory == (void *)-1) fail("shmat");
  strcpy(memory, "hello world");
  if (shmdt(memory) == -1) fail("shmdt");
  return 0;
}
