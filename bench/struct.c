/* The work of bench/struct.ts in C: `struct <way> <times> <directory>` prints a sample as JSON. */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum { RECORDS = 1000000 };

struct sample {
  uint64_t id;
  double value;
  uint32_t count;
  uint32_t flags;
  double extra;
};

struct state {
  double a, b, c, d, e, f, g, h;
};

struct state_seqlock {
  uint32_t sequence;
  struct state record;
};

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}

static void *map(size_t size) {
  void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory != MAP_FAILED) return memory;
  perror("mmap");
  exit(1);
}

/* Not inlined: of a loop around it, the compiler must not make one walk. */
__attribute__((noinline)) static double sum_samples(const struct sample *samples) {
  uint64_t counts = 0;
  double values = 0;
  for (const struct sample *sample = samples; sample < samples + RECORDS; sample++) {
    counts += sample->count;
    values += sample->value;
  }
  return counts + values;
}

static double walk(const struct sample *samples, long times) {
  double total = 0;
  for (long i = 0; i < times / RECORDS; i++) {
    __asm__ volatile("" ::: "memory"); /* somebody else may have written */
    total += sum_samples(samples);
  }
  return total;
}

static void write_state(struct state_seqlock *p, const struct state *state) {
  uint32_t odd = (__atomic_load_n(&p->sequence, __ATOMIC_RELAXED) + 1) | 1;
  __atomic_store_n(&p->sequence, odd, __ATOMIC_RELAXED);
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
  p->record = *state;
  __atomic_store_n(&p->sequence, odd + 1, __ATOMIC_RELEASE);
}

static struct state read_state(const struct state_seqlock *p) {
  struct state copy;
  uint32_t before;
  do {
    while ((before = __atomic_load_n(&p->sequence, __ATOMIC_ACQUIRE)) & 1)
      ;
    copy = p->record;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
  } while (__atomic_load_n(&p->sequence, __ATOMIC_RELAXED) != before);
  return copy;
}

static double write_states(struct state_seqlock *p, long times) {
  for (long i = 0; i < times; i++) {
    struct state state = {i, i + 1, i + 2, i + 3, i + 4, i + 5, i + 6, i + 7};
    write_state(p, &state);
  }
  return read_state(p).h;
}

static double read_states(const struct state_seqlock *p, long times) {
  double sum = 0;
  for (long i = 0; i < times; i++) sum += read_state(p).h;
  return sum;
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  const char *way = argv[1];
  long times = atol(argv[2]);
  struct state_seqlock *lock = map(4096);
  struct state first = {.h = 7};
  write_state(lock, &first);
  struct sample *samples = map(RECORDS * sizeof *samples);
  for (int i = 0; i < RECORDS; i++) {
    samples[i].value = i / 2.0;
    samples[i].count = i;
  }
  double checksum, start = now();
  if (strcmp(way, "walk") == 0) checksum = walk(samples, times);
  else if (strcmp(way, "seqlock write") == 0) checksum = write_states(lock, times);
  else if (strcmp(way, "seqlock read") == 0) checksum = read_states(lock, times);
  else return 2;
  double ns = (now() - start) / times;
  printf("{\"nanoseconds\":%f,\"checksum\":\"%.0f\",\"memory\":0}\n", ns, checksum);
  return 0;
}
