/* A C program that shares a mutex: `sync_mutex <segment> <offset> <command>...` carries out the commands and prints each
 * with the number that it returned:
 *   init:<kind>  makes one: errorcheck, normal, recursive, adaptive; local (neither process-shared nor robust), fragile (not robust),
 *                inherit (a protocol)
 *   lock, try, unlock, consistent   the function of pthread_mutex_...
 *   line         waits for a line of standard input
 *   count:<n>[:offset]  adds 1 to the segment's first integer, n times, each time with the mutex; before each time it
 *                adds 1 to that at another offset, which is its own
 *   bytes        prints the words of the mutex in place of a number */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/shm.h>

static int is(const char *text, const char *other) { return strcmp(text, other) == 0; }

static int init(pthread_mutex_t *mutex, const char *kind) {
  pthread_mutexattr_t attr;
  pthread_mutexattr_init(&attr);
  if (!is(kind, "local")) pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
  if (!is(kind, "fragile") && !is(kind, "local")) pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
  if (is(kind, "inherit")) pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT);
  if (is(kind, "errorcheck") || is(kind, "local")) pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK);
  if (is(kind, "recursive")) pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
  if (is(kind, "adaptive")) pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ADAPTIVE_NP);
  return pthread_mutex_init(mutex, &attr);
}

static int count(pthread_mutex_t *mutex, volatile int *number, volatile int *tries, long times) {
  for (; times > 0; times--) {
    int result = pthread_mutex_lock(mutex);
    if (result == EOWNERDEAD) result = pthread_mutex_consistent(mutex);
    if (result != 0) return result;
    *tries = *tries + 1;
    *number = *number + 1;
    if ((result = pthread_mutex_unlock(mutex)) != 0) return result;
  }
  return 0;
}

static void print_bytes(pthread_mutex_t *mutex) {
  int words[sizeof *mutex / sizeof(int)];
  memcpy(words, mutex, sizeof words);
  printf("bytes");
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) printf(" %d", words[i]);
  puts("");
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  char *memory = shmat(atoi(argv[1]), NULL, 0);
  if (memory == (char *)-1) {
    perror("shmat");
    return 1;
  }
  setvbuf(stdout, NULL, _IOLBF, 0);
  pthread_mutex_t *mutex = (pthread_mutex_t *)(memory + atoi(argv[2]));
  for (int i = 3; i < argc; i++) {
    const char *command = argv[i];
    int result = 0;
    if (is(command, "bytes")) {
      print_bytes(mutex);
      continue;
    }
    if (strncmp(command, "init:", 5) == 0) result = init(mutex, command + 5);
    else if (strncmp(command, "count:", 6) == 0) {
      const char *offset = strchr(command + 6, ':');
      int unused = 0;
      result = count(mutex, (int *)memory, offset ? (int *)(memory + atoi(offset + 1)) : &unused, atol(command + 6));
    }
    else if (is(command, "lock")) result = pthread_mutex_lock(mutex);
    else if (is(command, "try")) result = pthread_mutex_trylock(mutex);
    else if (is(command, "unlock")) result = pthread_mutex_unlock(mutex);
    else if (is(command, "consistent")) result = pthread_mutex_consistent(mutex);
    else if (is(command, "line")) while ((result = getchar()) != '\n' && result != EOF);
    else return 2;
    printf("%s %d\n", command, result);
  }
  return 0;
}
