/* The work of bench/map.ts in C: `map <way> <times> <directory>` prints a sample as JSON. */
#define _GNU_SOURCE
#ifdef __SSE2__
#include <emmintrin.h>
#endif
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, SMALL = 65536, PART = 16 << 20, WINDOW = 64 << 20 };

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}

/* What the process has in memory, in kB. */
static long resident(void) {
  long pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (file == NULL || fscanf(file, "%*d %ld", &pages) != 1) return 0;
  fclose(file);
  return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void check(int good, const char *what) {
  if (good) return;
  perror(what);
  exit(1);
}

static int open_file(const char *path, int flags) {
  int fd = open(path, flags | O_CLOEXEC);
  check(fd != -1, path);
  return fd;
}

static size_t size_of(int fd) {
  struct stat status;
  check(fstat(fd, &status) == 0, "fstat");
  return status.st_size;
}

static uint8_t *map(size_t size, int prot, int flags, int fd, off_t offset) {
  void *memory = mmap(NULL, size, prot, flags, fd, offset);
  check(memory != MAP_FAILED, "mmap");
  return memory;
}

static uint64_t byte_sum(const uint8_t *bytes, size_t length) {
  uint64_t sum = 0;
  for (size_t i = 0; i < length; i++) sum += bytes[i];
  return sum;
}

#ifdef __SSE2__
static uint64_t vector_sum(const uint8_t *bytes, size_t length) {
  const __m128i zero = _mm_setzero_si128();
  __m128i sums[4] = {zero, zero, zero, zero};
  size_t i = 0;
  for (; i + 64 <= length; i += 64)
    for (int k = 0; k < 4; k++) {
      __m128i vector = _mm_loadu_si128((const __m128i *)(bytes + i) + k);
      sums[k] = _mm_add_epi64(sums[k], _mm_sad_epu8(vector, zero));
    }
  uint64_t parts[8];
  memcpy(parts, sums, sizeof parts);
  uint64_t sum = byte_sum(bytes + i, length - i);
  for (int k = 0; k < 8; k++) sum += parts[k];
  return sum;
}
#else
/* What the compiler makes of a plain loop when it may. */
__attribute__((optimize("O3"))) static uint64_t vector_sum(const uint8_t *bytes, size_t length) {
  uint64_t sum = 0;
  for (size_t i = 0; i < length;) {
    uint32_t part = 0;
    for (size_t end = length - i > 65536 ? i + 65536 : length; i < end; i++) part += bytes[i];
    sum += part;
  }
  return sum;
}
#endif

/* Maps the file anew, all of it or in windows, and sums it. */
static uint64_t sum_file(const char *path, uint64_t (*sum)(const uint8_t *, size_t), size_t window,
                         int flags, int advice) {
  int fd = open_file(path, O_RDONLY);
  size_t size = size_of(fd);
  uint64_t total = 0;
  if (window == 0) window = size;
  for (size_t at = 0; at < size; at += window) {
    size_t length = size - at < window ? size - at : window;
    uint8_t *memory = map(length, PROT_READ, MAP_SHARED | flags, fd, at);
    madvise(memory, length, advice);
    total += sum(memory, length);
    munmap(memory, length);
  }
  close(fd);
  return total;
}

/* The next number: the same as in map.ts. */
static uint32_t next(uint32_t x) {
  x ^= x << 13;
  x ^= x >> 17;
  return x ^ x << 5;
}

static uint64_t random_bytes(const uint8_t *bytes, long times) {
  uint64_t sum = 0;
  uint32_t x = 1;
  for (long i = 0; i < times; i++) {
    x = next(x);
    sum += bytes[x >> 2]; /* of 1 GiB */
  }
  return sum;
}

static uint64_t random_pages(const uint8_t *bytes, long times,
                             uint64_t (*sum)(const uint8_t *, size_t)) {
  uint64_t total = 0;
  uint32_t x = 1;
  for (long i = 0; i < times; i++) {
    x = next(x);
    total += sum(bytes + (size_t)(x >> 14) * PAGE, PAGE);
  }
  return total;
}

static uint64_t random_reads(int fd, long times, int whole) {
  static uint8_t page[PAGE];
  uint64_t total = 0;
  uint32_t x = 1;
  for (long i = 0; i < times; i++) {
    x = next(x);
    check(pread(fd, page, PAGE, (off_t)(x >> 14) * PAGE) == PAGE, "pread");
    total += whole ? byte_sum(page, PAGE) : page[x >> 2 & (PAGE - 1)];
  }
  return total;
}

static uint64_t open_close(const char *path, int touch, long times) {
  uint64_t total = 0;
  for (long i = 0; i < times; i++) {
    int fd = open_file(path, O_RDONLY);
    size_t size = size_of(fd);
    uint8_t *memory = map(size, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    total += size;
    if (touch) total += *(volatile uint8_t *)memory;
    munmap(memory, size);
  }
  return total;
}

static uint64_t touch(int fd, long i) {
  volatile uint8_t *memory = map(SMALL, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  memory[0] = (uint8_t)i;
  uint64_t byte = memory[0];
  munmap((void *)memory, SMALL);
  close(fd);
  return byte;
}

static uint64_t memfd(long times) {
  uint64_t total = 0;
  for (long i = 0; i < times; i++) {
    int fd = memfd_create("bench", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    check(fd != -1 && ftruncate(fd, SMALL) == 0, "memfd_create");
    total += touch(fd, i);
  }
  return total;
}

static uint64_t posix(long times) {
  char name[64];
  snprintf(name, sizeof name, "/isthmus-bench-%d", getpid());
  uint64_t total = 0;
  for (long i = 0; i < times; i++) {
    int fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
    check(fd != -1 && posix_fallocate(fd, 0, SMALL) == 0, "shm_open");
    total += touch(fd, i);
    shm_unlink(name);
  }
  return total;
}

static uint64_t flush(const char *path, int flags, long times) {
  int fd = open_file(path, O_RDWR);
  volatile uint8_t *memory = map(SMALL, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  uint64_t total = 0;
  for (long i = 0; i < times; i++) {
    memory[0] = (uint8_t)i;
    check(msync((void *)memory, PAGE, flags) == 0, "msync");
    total += memory[0];
  }
  return total;
}

static uint64_t lock(const char *path, long times) {
  int fd = open_file(path, O_RDONLY);
  for (long i = 0; i < times; i++) {
    check(flock(fd, LOCK_EX) == 0, "flock");
    check(flock(fd, LOCK_UN) == 0, "flock");
  }
  return times;
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  const char *way = argv[1], *directory = argv[3];
  long times = atol(argv[2]);
  char big[4096], sparse[4096], small[4096];
  snprintf(big, sizeof big, "%s/big", directory);
  snprintf(sparse, sizeof sparse, "%s/sparse", directory);
  snprintf(small, sizeof small, "%s/small", directory);
  int fd = open_file(big, O_RDONLY);
  int kept = strncmp(way, "random", 6) == 0 && strstr(way, "first") == NULL;
  uint8_t *memory = kept ? map(1 << 30, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0) : NULL;

#define IS(name) (strcmp(way, name) == 0)
#define SUM(sum, window, flags, advice) sum_file(big, sum, window, flags, advice)
  uint64_t sum = 0;
  long before = resident();
  double start = now();
  if (IS("byte sum")) sum = SUM(byte_sum, 0, 0, MADV_NORMAL);
  else if (IS("byte sum, populate")) sum = SUM(byte_sum, 0, MAP_POPULATE, MADV_NORMAL);
  else if (IS("byte sum, sequential")) sum = SUM(byte_sum, 0, 0, MADV_SEQUENTIAL);
  else if (IS("vector sum")) sum = SUM(vector_sum, 0, 0, MADV_NORMAL);
  else if (IS("vector sum, populate")) sum = SUM(vector_sum, 0, MAP_POPULATE, MADV_NORMAL);
  else if (IS("vector sum, sequential")) sum = SUM(vector_sum, 0, 0, MADV_SEQUENTIAL);
  else if (IS("vector sum, windows")) sum = SUM(vector_sum, WINDOW, 0, MADV_NORMAL);
  else if (IS("16 MiB, byte by byte"))
    sum = byte_sum(map(PART, PROT_READ, MAP_SHARED, fd, 0), PART);
  else if (IS("random byte")) sum = random_bytes(memory, times);
  else if (IS("random byte, read")) sum = random_reads(fd, times, 0);
  else if (IS("random byte, first touch")) {
    memory = map(1 << 30, PROT_READ, MAP_SHARED, fd, 0);
    sum = random_bytes(memory, times);
    munmap(memory, 1 << 30);
  } else if (IS("random page")) sum = random_pages(memory, times, byte_sum);
  else if (IS("random page, read")) sum = random_reads(fd, times, 1);
  else if (IS("random page, vector")) sum = random_pages(memory, times, vector_sum);
  else if (IS("open, 64 KiB")) sum = open_close(small, 0, times);
  else if (IS("open, 64 GiB")) sum = open_close(sparse, 0, times);
  else if (IS("open, 64 GiB, touch")) sum = open_close(sparse, 1, times);
  else if (IS("memfd")) sum = memfd(times);
  else if (IS("posix")) sum = posix(times);
  else if (IS("flush")) sum = flush(small, MS_SYNC, times);
  else if (IS("flush, async")) sum = flush(small, MS_ASYNC, times);
  else if (IS("file lock")) sum = lock(small, times);
  else return 2;
  double ns = (now() - start) / times;
  printf("{\"nanoseconds\":%f,\"checksum\":\"%llu\",\"memory\":%ld}\n", ns, (unsigned long long)sum,
         resident() - before);
  return 0;
}
