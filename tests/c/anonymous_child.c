/* The child of examples/anonymous_parent_child.ts in C: prints the text in inherited memory.
 *
 * anonymous_child <descriptor> */

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { SIZE = 2048 };

static void fail(const char *what) {
  perror(what);
  exit(1);
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;

  const char *text = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, atoi(argv[1]), 0);
  if (text == MAP_FAILED) fail("mmap");
  printf("read father val=%s\n", text);
  return 0;
}
