/* The work of bench/broadcast.ts in C: `broadcast <way> <times> <directory>` prints a sample as
   JSON. Values lie in seqlocks of 64 bytes, as one writes them in C: one for the newest value, a
   ring of them for a broadcast. */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "together.h"

/* As in bench/broadcast.ts: how far the sender is ahead at most, and every how many messages both
   sides tell or ask how far they are. */
enum { LINE = 64, WORDS = 8, SLOTS = 16384, AHEAD = 8192, STEP = 1024, MOST = 8 };

/* The sequence is odd while its words are written, and twice the value's number when they are. */
struct slot {
  _Alignas(LINE) _Atomic uint64_t sequence;
  _Alignas(LINE) uint64_t words[WORDS];
};

struct receiver {
  _Alignas(LINE) _Atomic long received;
  uint64_t sum;
};

struct shared {
  _Alignas(LINE) struct gate gate;
  _Alignas(LINE) _Atomic int stop;
  struct receiver receivers[MOST];
  struct slot slots[SLOTS];
};

static void fail(const char *what) {
  fprintf(stderr, "%s\n", what);
  exit(1);
}

static void write_slot(struct slot *slot, uint64_t sequence, const uint64_t *words) {
  atomic_store_explicit(&slot->sequence, sequence - 1, memory_order_relaxed);
  atomic_thread_fence(memory_order_release);
  memcpy(slot->words, words, sizeof slot->words);
  atomic_store_explicit(&slot->sequence, sequence, memory_order_release);
}

/* Reads what is there, or says that it is being written: 0. */
static uint64_t read_slot(struct slot *slot, uint64_t *words) {
  uint64_t before = atomic_load_explicit(&slot->sequence, memory_order_acquire);
  if (before & 1) return 0;
  memcpy(words, slot->words, sizeof slot->words);
  atomic_thread_fence(memory_order_acquire);
  return atomic_load_explicit(&slot->sequence, memory_order_relaxed) == before ? before : 0;
}

static void set(uint64_t *words, uint64_t number) { words[0] = words[WORDS - 1] = number; }

static uint64_t checked(const uint64_t *words) {
  if (words[0] != words[WORDS - 1]) fail("a message is torn");
  return words[0];
}

/* ---- the newest value ---- */

static void store(struct slot *slot, long times) {
  uint64_t words[WORDS] = {0};
  for (long i = 0; i < times; i++) {
    set(words, i);
    write_slot(slot, 2 * (i + 1), words);
    __asm__ volatile("" ::: "memory"); /* somebody else may read it */
  }
}

static uint64_t load(struct slot *slot, long times) {
  uint64_t words[WORDS], last = 0;
  for (long i = 0; i < times; i++) {
    while (read_slot(slot, words) == 0) relax();
    last = checked(words);
  }
  return last;
}

/* ---- a broadcast: values count on from one turn to the next ---- */

static void send_all(struct shared *shared, int receivers, long first, long end) {
  uint64_t words[WORDS] = {0};
  for (long i = first; i < end; i++) {
    if (i % STEP == 0) {
      for (int k = 0; k < receivers; k++) {
        _Atomic long *received = &shared->receivers[k].received;
        for (unsigned tries = 0; i - atomic_load(received) > AHEAD;) wait_a_little(&tries);
      }
    }
    set(words, i);
    write_slot(&shared->slots[i % SLOTS], 2 * (i + 1), words);
  }
}

static void receive_all(struct shared *shared, struct receiver *receiver, long first, long end) {
  uint64_t words[WORDS];
  receiver->sum = 0;
  for (long i = first; i < end; i++) {
    struct slot *slot = &shared->slots[i % SLOTS];
    uint64_t sequence = 2 * ((uint64_t)i + 1);
    for (unsigned tries = 0; atomic_load(&slot->sequence) < sequence;) wait_a_little(&tries);
    if (read_slot(slot, words) != sequence) fail("a message is missed");
    if (checked(words) != (uint64_t)i) fail("it is another message");
    receiver->sum += i;
    if (i % STEP == STEP - 1) atomic_store(&receiver->received, i + 1);
  }
}

/* ---- the processes ---- */

static int is(const char *way, const char *name) { return strcmp(way, name) == 0; }

static void child(const char *way, struct shared *shared, int index, long times) {
  long warm_up = warm_up_of(times);
  struct gate *gate = &shared->gate;
  if (is(way, "latest, load, stored")) {
    pass_gate(gate);
    while (!atomic_load(&shared->stop)) store(shared->slots, STEP);
    return;
  }
  receive_all(shared, &shared->receivers[index], 0, warm_up);
  pass_gate(gate);
  receive_all(shared, &shared->receivers[index], warm_up, warm_up + times);
  pass_gate(gate);
}

static uint64_t parent(const char *way, struct shared *shared, int children, long first, long end) {
  if (is(way, "latest, store")) {
    store(shared->slots, end - first);
    return load(shared->slots, 1);
  }
  if (is(way, "latest, load")) return load(shared->slots, end - first);
  if (is(way, "latest, load, stored")) {
    load(shared->slots, end - first);
    return end - first;
  }
  send_all(shared, children, first, end);
  return 0;
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  const char *way = argv[1];
  long times = atol(argv[2]), warm_up = warm_up_of(times);
  struct shared *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
                               MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (shared == MAP_FAILED) fail("mmap");
  struct gate *gate = &shared->gate;
  int receivers = strstr(way, " receiver") != NULL ? atoi(way) : 0;
  int children = receivers + is(way, "latest, load, stored");
  if (receivers > MOST) return 2;
  store(shared->slots, receivers ? 0 : 1);
  for (int index = 0; index < children; index++) {
    if (start_child() != 0) continue;
    child(way, shared, index, times);
    _exit(0);
  }
  parent(way, shared, children, 0, warm_up);
  await_children(gate, children);
  double start = now();
  open_gate(gate, children);
  uint64_t sum = parent(way, shared, children, warm_up, warm_up + times);
  if (receivers) open_gate(gate, children); /* they have received all */
  double ns = (now() - start) / times;
  atomic_store(&shared->stop, 1);
  for (int i = 0; i < receivers; i++) sum += shared->receivers[i].sum;
  for (int status; wait(&status) > 0;) {
    if (WIFEXITED(status) && WEXITSTATUS(status) != 0) fail("a child failed");
  }
  printf("{\"nanoseconds\":%f,\"checksum\":\"%lu\",\"memory\":0}\n", ns, sum);
  return 0;
}
