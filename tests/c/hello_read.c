/* examples/hello_read.ts in C: prints the greeting in a segment, and removes that.
 *
 * hello_read <path> <id> */

#include <stdio.h>
#include <stdlib.h>
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
  int id = shmget(key, SIZE, 0666);
  if (id == -1) fail("shmget");
  const char *memory = shmat(id, NULL, 0);
  if (memory == (void *)-1) fail("shmat");
  printf("share mem=%s\n", memory);
  if (shmdt(memory) == -1) fail("shmdt");
  if (shmctl(id, IPC_RMID, NULL) == -1) fail("shmctl");
  return 0;
}
