/* A C program that shares POSIX semaphores:
 *   sem_posix bytes                                prints the words of a sem_t with the value 5: for processes, for threads
 *   sem_posix create <name> <value>                creates one, says so, waits for a line, and prints its value
 *   sem_posix init <segment> <offset> <value>      makes one in a System V segment
 *   sem_posix count <name or offset> <segment> <times>
 *     adds 1 to the first integer of a segment, many times, under one with a name, or at an offset of the segment */
#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/shm.h>

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static char *attach(const char *id) {
  char *memory = shmat(atoi(id), NULL, 0);
  if (memory == (char *)-1) fail("shmat");
  return memory;
}

static void print_words(int pshared) {
  unsigned words[sizeof(sem_t) / sizeof(unsigned)];
  sem_t sem;
  memset(&sem, 0, sizeof sem);
  if (sem_init(&sem, pshared, 5) == -1) fail("sem_init");
  memcpy(words, &sem, sizeof sem);
  printf("%u %u %u\n", words[0], words[1], words[2]);
}

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "bytes") == 0) {
    print_words(1);
    print_words(0);
  } else if (argc == 4 && strcmp(argv[1], "create") == 0) {
    sem_t *sem = sem_open(argv[2], O_CREAT | O_EXCL, 0600, atoi(argv[3]));
    if (sem == SEM_FAILED) fail("sem_open");
    puts("created");
    fflush(stdout);
    getchar();
    int value;
    if (sem_getvalue(sem, &value) == -1) fail("sem_getvalue");
    printf("%d\n", value);
  } else if (argc == 5 && strcmp(argv[1], "init") == 0) {
    sem_t *sem = (sem_t *)(attach(argv[2]) + atoi(argv[3]));
    if (sem_init(sem, 1, atoi(argv[4])) == -1) fail("sem_init");
  } else if (argc == 5 && strcmp(argv[1], "count") == 0) {
    char *memory = attach(argv[3]);
    sem_t *sem = *argv[2] == '/' ? sem_open(argv[2], 0) : (sem_t *)(memory + atoi(argv[2]));
    if (sem == SEM_FAILED) fail("sem_open");
    volatile int *count = (volatile int *)memory;
    for (long times = atol(argv[4]); times > 0; times--) {
      while (sem_wait(sem) == -1)
        if (errno != EINTR) fail("sem_wait");
      *count = *count + 1;
      if (sem_post(sem) == -1) fail("sem_post");
    }
  } else {
    return 2;
  }
  return 0;
}
