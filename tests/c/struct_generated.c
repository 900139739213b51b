// Records that a test generated: GENERATED is the file with their declarations, with functions that
// fill and check each of them, and with a table of these. Their static assertions hold this compiler to the layouts.
//
//   struct_generated write <file>   writes all records, one after the other, filled
//   struct_generated check <file>   reads such a file, and says what is not as it should be

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *current;
static int failures;

/** Whether a value in memory is the one that was generated. */
static void expect(int equal, const char *what) {
  if (equal) return;
  failures++;
  fprintf(stderr, "%s.%s differs\n", current, what);
}

/** Writes bytes the other way round. */
__attribute__((unused)) static void put_reversed(void *to, const void *from, size_t size) {
  for (size_t i = 0; i < size; i++) ((char *)to)[i] = ((const char *)from)[size - 1 - i];
}

__attribute__((unused)) static int is_reversed(const void *to, const void *from, size_t size) {
  char turned[16];
  put_reversed(turned, from, size);
  return memcmp(turned, to, size) == 0;
}

struct entry {
  const char *name;
  size_t size;
  void (*fill)(void *);
  void (*check)(const void *);
};

#include GENERATED

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  int writes = strcmp(argv[1], "write") == 0;
  FILE *file = fopen(argv[2], writes ? "wb" : "rb");
  if (file == NULL) return 2;
  for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
    const struct entry *entry = &entries[i];
    void *record;
    if (posix_memalign(&record, 4096, entry->size) != 0) return 2;
    memset(record, 0, entry->size);
    current = entry->name;
    if (writes) {
      entry->fill(record);
      if (fwrite(record, entry->size, 1, file) != 1) return 2;
    } else {
      if (fread(record, entry->size, 1, file) != 1) return 2;
      entry->check(record);
    }
    free(record);
  }
  if (fclose(file) != 0) return 2;
  return failures == 0 ? 0 : 1;
}
