/*
 * The other side of a memory map: map_peer file|posix <name> create|write|read|add [number]
 *
 * create <size>: makes it, and writes a pattern; write: writes the pattern; read: says whether it is there;
 * add <rounds>: adds 1 to the first 32-bit integer, atomically, so often.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static unsigned char pattern(size_t index) {
  return (unsigned char)(index * 7 + 3);
}

int main(int argc, char **argv) {
  if (argc < 4) return 2;
  int posix = strcmp(argv[1], "posix") == 0;
  int create = strcmp(argv[3], "create") == 0;
  int write = create || strcmp(argv[3], "write") == 0;
  int add = strcmp(argv[3], "add") == 0;
  long number = argc > 4 ? atol(argv[4]) : 0;
  int flags = (write || add ? O_RDWR : O_RDONLY) | (create ? O_CREAT | O_EXCL : 0);
  int fd = posix ? shm_open(argv[2], flags, 0600) : open(argv[2], flags, 0600);
  if (fd < 0) fail("open");
  if (create && ftruncate(fd, number) < 0) fail("ftruncate");
  struct stat status;
  if (fstat(fd, &status) < 0) fail("fstat");
  size_t size = (size_t)status.st_size;
  int prot = PROT_READ | (write || add ? PROT_WRITE : 0);
  unsigned char *bytes = mmap(NULL, size, prot, MAP_SHARED, fd, 0);
  if (bytes == MAP_FAILED) fail("mmap");
  close(fd);
  if (write) {
    for (size_t i = 0; i < size; i++) bytes[i] = pattern(i);
  } else if (add) {
    for (long i = 0; i < number; i++) __atomic_add_fetch((int *)(void *)bytes, 1, __ATOMIC_SEQ_CST);
  } else {
    for (size_t i = 0; i < size; i++) {
      if (bytes[i] != pattern(i)) {
        printf("byte %zu is %d\n", i, bytes[i]);
        return 0;
      }
    }
  }
  printf("%zu bytes\n", size);
  return 0;
}
