/* A writer for examples/mmap_reader.ts: maps the first 2048 bytes of a file, shared, and appends an
 * `a` to the text in them again and again.
 *
 * mmap_writer <file> <count> <interval in ms> */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SIZE = 2048 };

static void fail(const char *what) {
  perror(what);
  exit(1);
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;

  int fd = open(argv[1], O_RDWR | O_CREAT, 0600);
  if (fd == -1) fail("open");
  struct stat status;
  if (fstat(fd, &status) == -1) fail("fstat");
  if (status.st_size < SIZE && ftruncate(fd, SIZE) == -1) fail("ftruncate");
  char *text = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (text == MAP_FAILED) fail("mmap");
  if (close(fd) == -1) fail("close");
  for (int i = 0; i < atoi(argv[2]); i++) {
    if (i > 0) usleep(1000 * atoi(argv[3]));
    if (strlen(text) + 1 < SIZE) strcat(text, "a");
  }
  if (munmap(text, SIZE) == -1) fail("munmap");
  return 0;
}
