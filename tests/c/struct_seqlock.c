// Takes part in a seqlock as the comment in its declaration says, which DECLARATIONS is the file of.
//
//   struct_seqlock write <id>          writes until it is killed: all words the same, one more each time
//   struct_seqlock read <id> <reads>   reads so often, and prints how many were torn, and the last number

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/shm.h>

#include DECLARATIONS

enum { WORDS = sizeof ((struct state *)0)->words / sizeof(uint64_t) };

static void write_all(struct state_seqlock *p) {
  for (uint64_t n = 1;; n++) {
    uint32_t odd = (__atomic_load_n(&p->sequence, __ATOMIC_RELAXED) + 1) | 1;
    __atomic_store_n(&p->sequence, odd, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    for (int i = 0; i < WORDS; i++) p->record.words[i] = n;
    __atomic_store_n(&p->sequence, odd + 1, __ATOMIC_RELEASE);
    // A moment in which readers may succeed.
    for (int i = 0; i < 2000; i++) __asm__ volatile("" ::: "memory");
  }
}

static void read_all(const struct state_seqlock *p, long reads) {
  long torn = 0;
  struct state copy = {0};
  for (long done = 0; done < reads; done++) {
    uint32_t before;
    do {
      while ((before = __atomic_load_n(&p->sequence, __ATOMIC_ACQUIRE)) & 1) continue;
      memcpy(&copy, &p->record, sizeof copy);
      __atomic_thread_fence(__ATOMIC_SEQ_CST);
    } while (__atomic_load_n(&p->sequence, __ATOMIC_RELAXED) != before);
    for (int i = 1; i < WORDS; i++) {
      if (copy.words[i] != copy.words[0]) {
        torn++;
        break;
      }
    }
  }
  printf("%ld torn, last %" PRIu64 "\n", torn, copy.words[0]);
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  int writes = strcmp(argv[1], "write") == 0;
  void *memory = shmat(atoi(argv[2]), NULL, writes ? 0 : SHM_RDONLY);
  if (memory == (void *)-1) {
    perror("shmat");
    return 2;
  }
  if (writes) {
    puts("writing");
    fflush(stdout);
    write_all(memory);
  }
  read_all(memory, atol(argv[3]));
  return 0;
}
