/* A reader for examples/mmap_writer.ts: maps the first 2048 bytes of a file, shared, and prints the
 * text in them again and again.
 *
 * mmap_reader <file> <count> <interval in ms> */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SIZE = 2048 };

static void fail(const char *what) {
  perror(what);
  exit(1);
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  setvbuf(stdout, NULL, _IOLBF, 0);

  int fd = open(argv[1], O_RDONLY);
  if (fd == -1) fail("open");
  const char *text = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0);
  if (text == MAP_FAILED) fail("mmap");
  if (close(fd) == -1) fail("close");
  for (int i = 0; i < atoi(argv[2]); i++) {
    if (i > 0) usleep(1000 * atoi(argv[3]));
    printf("read=%s\n", text);
  }
  if (munmap((void *)text, SIZE) == -1) fail("munmap");
  return 0;
}
