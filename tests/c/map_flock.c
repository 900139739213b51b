/*
 * Takes the lock of a file with flock(): map_flock <file> shared|exclusive|try
 *
 * Once it has the lock it says so, holds it until its standard input ends, and exits. With try it says "free"
 * or "taken". With a number behind it counts so often in the file's first int, under the lock, and says so.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  int fd = open(argv[1], O_RDWR);
  if (fd < 0) return perror("open"), 1;
  if (strcmp(argv[2], "try") == 0) {
    int result = flock(fd, LOCK_EX | LOCK_NB);
    if (result < 0 && errno != EWOULDBLOCK) return perror("flock"), 1;
    puts(result == 0 ? "free" : "taken");
    return 0;
  }
  int operation = strcmp(argv[2], "shared") == 0 ? LOCK_SH : LOCK_EX;
  if (argc > 3) {
    volatile int *count = mmap(NULL, sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (count == MAP_FAILED) return perror("mmap"), 1;
    for (int i = atoi(argv[3]); i > 0; i--) {
      if (flock(fd, operation) < 0) return perror("flock"), 1;
      *count = *count + 1;
      if (flock(fd, LOCK_UN) < 0) return perror("flock"), 1;
    }
    puts("counted");
    return 0;
  }
  if (flock(fd, operation) < 0) return perror("flock"), 1;
  puts("holding");
  fflush(stdout);
  while (getchar() != EOF) {
  }
  return 0;
}
