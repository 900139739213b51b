/* Stevens' shmread: tells each byte that differs from 0, 1, ..., 255, 0, 1, ..., and the length.
 *
 * pattern_read <path> */

#include <stdio.h>
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/shm.h>

static void fail(const char *what) {
  perror(what);
  exit(1);
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;

  key_t key = ftok(argv[1], 0);
  if (key == -1) fail("ftok");
  int id = shmget(key, 0, 0);
  if (id == -1) fail("shmget");
  struct shmid_ds status;
  if (shmctl(id, IPC_STAT, &status) == -1) fail("shmctl");
  const unsigned char *bytes = shmat(id, NULL, SHM_RDONLY);
  if (bytes == (void *)-1) fail("shmat");
  for (size_t i = 0; i < status.shm_segsz; i++) {
    if (bytes[i] != i % 256) printf("byte %zu: %d\n", i, bytes[i]);
  }
  printf("%zu bytes\n", (size_t)status.shm_segsz);
  if (shmdt(bytes) == -1) fail("shmdt");
  return 0;
}
