/* A parent for examples/anonymous_parent_child.ts: writes a text into 2048 bytes of memory with a
 * descriptor, and becomes a child that finds it by its last argument.
 *
 * anonymous_parent <text> <command> [argument ...] */

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SIZE = 2048, MORE = 2 };

static void fail(const char *what) {
  perror(what);
  exit(1);
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;

  int fd = memfd_create("anonymous_parent", 0);
  if (fd == -1) fail("memfd_create");
  if (ftruncate(fd, SIZE) == -1) fail("ftruncate");
  char *memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) fail("mmap");
  strcpy(memory, argv[1]);

  struct stat status;
  if (fstat(fd, &status) == -1) fail("fstat");
  char handle[96]; /* as mapMemfd() takes it */
  snprintf(handle, sizeof handle, "memfd:%d:%d:%llu:%llu", getpid(), fd,
           (unsigned long long)status.st_dev, (unsigned long long)status.st_ino);
  char **command = calloc(argc, sizeof *command);
  if (command == NULL) fail("calloc");
  memcpy(command, argv + MORE, (argc - MORE) * sizeof *command);
  command[argc - MORE] = handle;
  execvp(command[0], command);
  fail("execvp");
}
