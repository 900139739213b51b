/* Stevens' shmget and shmwrite in one: a segment filled with 0, 1, ..., 255, 0, 1, ...
 *
 * pattern_write <path> <length> */

#include <stdio.h>
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/shm.h>

static void fail(const char *what) {
  perror(what);
  exit(1);
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  size_t length = strtoul(argv[2], NULL, 0);

  key_t key = ftok(argv[1], 0);
  if (key == -1) fail("ftok");
  int id = shmget(key, length, IPC_CREAT | 0600);
  if (id == -1) fail("shmget");
  unsigned char *bytes = shmat(id, NULL, 0);
  if (bytes == (void *)-1) fail("shmat");
  for (size_t i = 0; i < length; i++) bytes[i] = (unsigned char)(i % 256);
  if (shmdt(bytes) == -1) fail("shmdt");
  return 0;
}
