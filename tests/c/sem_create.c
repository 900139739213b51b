/* Creates a System V semaphore set as a C program does, and stops where it is told:
 *   sem_create <key> <nsems> nothing   only makes the set, as if it died right after
 *   sem_create <key> <nsems> values    makes it, waits for a line, gives each semaphore 1 by SETVAL
 * Prints the id once the set exists. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sem.h>

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  key_t key = (key_t)strtoul(argv[1], NULL, 0);
  int nsems = atoi(argv[2]);
  int id = semget(key, nsems, IPC_CREAT | IPC_EXCL | 0600);
  if (id == -1) {
    perror("semget");
    return 1;
  }
  printf("%d\n", id);
  fflush(stdout);
  if (strcmp(argv[3], "nothing") == 0) return 0;
  getchar();
  for (int i = 0; i < nsems; i++) {
    if (semctl(id, i, SETVAL, 1) == -1) {
      perror("semctl");
      return 1;
    }
  }
  return 0;
}
