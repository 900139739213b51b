/* The work of bench/ring.ts in C: `ring <way> <times> <directory>` prints a sample as JSON. The
   parent receives and measures, its children send. `ring busy` uses a processor until it is killed. */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "pin.h"
#include "queue.h"

enum { BATCH = 64, MAX_SENDERS = 8, MAX_LENGTH = 1 << 20 };

/* What both sides share beside the rings. */
struct control {
  _Alignas(LINE) _Atomic int ready;
  _Alignas(LINE) _Atomic int go;
  _Alignas(LINE) _Atomic uint32_t bells[2];
  _Alignas(LINE) pthread_mutex_t mutex;
  struct side shared; /* the senders' side, where several have it */
};

struct setting {
  const char *way;
  uint32_t length;
  uint64_t capacity;
  int senders;
  long warm_up;
  struct control *control;
  struct ring *rings[2];
};

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}

static void *shared(size_t size) {
  void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (memory == MAP_FAILED) {
    perror("mmap");
    exit(1);
  }
  return memory;
}

static void fail(const char *what) {
  fprintf(stderr, "%s\n", what);
  exit(1);
}

static struct side side_of(const struct setting *setting, int ring) {
  return (struct side){setting->rings[ring], setting->capacity, 0, 0};
}

/* ---- round trips: 8 bytes there and back ---- */

static void ring_bell(_Atomic uint32_t *bell) {
  atomic_fetch_add_explicit(bell, 1, memory_order_release);
  syscall(SYS_futex, bell, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static void sleep_for_message(struct side *side, _Atomic uint32_t *bell) {
  for (;;) {
    uint32_t value = atomic_load_explicit(bell, memory_order_acquire);
    if (is_there(side)) return;
    syscall(SYS_futex, bell, FUTEX_WAIT, value, NULL, NULL, 0);
  }
}

/* One side of a round trip that sleeps. */
struct post {
  struct side out, in;
  _Atomic uint32_t *there, *here;
};

static void post_send(struct post *post, uint64_t value) {
  send(&post->out, &value, sizeof value);
  ring_bell(post->there);
}

static uint64_t post_receive(struct post *post) {
  uint64_t value;
  sleep_for_message(&post->in, post->here);
  take(&post->in, &value);
  return value;
}

static void answer(struct setting *setting, long times, int asleep) {
  struct side in = side_of(setting, 0), out = side_of(setting, 1);
  struct post post = {out, in, &setting->control->bells[1], &setting->control->bells[0]};
  uint64_t value;
  for (long i = 0; i < times; i++) {
    if (asleep) {
      value = post_receive(&post);
      post_send(&post, value + 1);
    } else {
      receive(&in, &value);
      value++;
      send(&out, &value, sizeof value);
    }
  }
}

static uint64_t ask_spinning(struct side *out, struct side *in, long times) {
  uint64_t sum = 0, value;
  for (long i = 0; i < times; i++) {
    value = i;
    send(out, &value, sizeof value);
    receive(in, &value);
    sum += value;
  }
  return sum;
}

static uint64_t ask_sleeping(struct post *post, long times) {
  uint64_t sum = 0;
  for (long i = 0; i < times; i++) {
    post_send(post, i);
    sum += post_receive(post);
  }
  return sum;
}

/* ---- one way ---- */

static void send_all(struct side *side, uint32_t length, long times) {
  static unsigned char message[MAX_LENGTH];
  for (long i = 0; i < times; i++) {
    uint32_t number = i;
    memcpy(message, &number, sizeof number);
    memcpy(message + length - 4, &number, sizeof number);
    send(side, message, length);
  }
}

static uint64_t receive_all(struct side *side, uint32_t length, long times) {
  static unsigned char message[MAX_LENGTH];
  uint64_t sum = 0;
  for (long i = 0; i < times; i++) {
    uint32_t first, last;
    if (receive(side, message) != length) fail("a message has another length");
    memcpy(&first, message, sizeof first);
    memcpy(&last, message + length - 4, sizeof last);
    if (first != (uint32_t)i || last != first) fail("a message is lost, or torn");
    sum += first;
  }
  return sum;
}

/* ---- in place, in batches: each message is written and read where it lies ---- */

static void send_in_place(struct side *side, uint32_t length, long times) {
  uint64_t size = record_size(length);
  for (long i = 0; i < times;) {
    long count = times - i < BATCH ? times - i : BATCH;
    unsigned char *record = claim(side, count * size);
    for (long end = i + count; i < end; i++, record += size) {
      memcpy(record, &length, sizeof length);
      double *numbers = (double *)(record + HEADER);
      for (uint32_t k = 0; k < length / 8; k++) numbers[k] = i;
    }
    side->mine += count * size;
    publish(side);
  }
}

static uint64_t receive_in_place(struct side *side, uint32_t length, long times) {
  uint64_t sum = 0;
  for (long i = 0; i < times;) {
    await_message(side);
    for (; side->mine != side->theirs && i < times; i++) {
      uint32_t found;
      const double *numbers = (const double *)next(side, &found);
      if (found != length) fail("a message has another length");
      if (numbers[0] != i || numbers[length / 8 - 1] != i) fail("a message is lost, or torn");
      sum += i;
      side->mine += record_size(found);
    }
    release(side);
  }
  return sum;
}

/* ---- several senders, one robust mutex ---- */

static void send_locked(struct setting *setting, int sender, long times) {
  struct control *control = setting->control;
  unsigned char message[64] = {0};
  for (long i = 0; i < times; i++) {
    uint32_t number = i;
    memcpy(message, &number, sizeof number);
    memcpy(message + 4, &sender, sizeof sender);
    if (pthread_mutex_lock(&control->mutex) != 0) fail("pthread_mutex_lock");
    send(&control->shared, message, sizeof message);
    pthread_mutex_unlock(&control->mutex);
  }
}

/* Counts from 0 for each sender, and again from 0 after the warm-up. */
static uint64_t receive_from_many(struct side *side, int senders, long times) {
  uint32_t expected[MAX_SENDERS] = {0};
  unsigned char message[64];
  uint64_t sum = 0;
  for (long i = 0; i < times; i++) {
    uint32_t number, sender;
    receive(side, message);
    memcpy(&number, message, sizeof number);
    memcpy(&sender, message + 4, sizeof sender);
    if (sender >= (uint32_t)senders || number != expected[sender]++) fail("a message is lost");
    sum += number;
  }
  return sum;
}

/* ---- the processes ---- */

static void pass_gate(struct control *control) {
  atomic_fetch_add(&control->ready, 1);
  for (unsigned tries = 0; !atomic_load(&control->go);) wait_a_little(&tries);
}

static void open_gate(struct control *control, int children) {
  for (unsigned tries = 0; atomic_load(&control->ready) < children;) wait_a_little(&tries);
  atomic_store(&control->go, 1);
}

static int is(const char *way, const char *name) { return strcmp(way, name) == 0; }

static void child(struct setting *setting, int sender, long times) {
  struct side out = side_of(setting, 0);
  long share = setting->warm_up / setting->senders;
  for (int turn = 0; turn < 2; turn++, share = times / setting->senders) {
    if (is(setting->way, "round trip, spin")) {
      /* The positions go on: both turns are one. */
      if (turn == 0) continue;
      pass_gate(setting->control);
      answer(setting, setting->warm_up + times, 0);
      return;
    }
    if (is(setting->way, "round trip, asleep")) {
      if (turn == 0) continue;
      pass_gate(setting->control);
      answer(setting, setting->warm_up + times, 1);
      return;
    }
    if (turn == 1) pass_gate(setting->control);
    if (setting->senders > 1) send_locked(setting, sender, share);
    else if (is(setting->way, "in place, 64 B")) send_in_place(&out, setting->length, share);
    else send_all(&out, setting->length, share);
  }
}

static void make_mutex(pthread_mutex_t *mutex) {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
  pthread_mutex_init(mutex, &attributes);
}

static void be_busy(void) {
  for (;;) relax();
}

/* A child that ends with this process. */
static int start_child(void) {
  int pid = fork();
  if (pid == 0) prctl(PR_SET_PDEATHSIG, SIGKILL);
  return pid;
}

int main(int argc, char **argv) {
  if (argc > 1 && is(argv[1], "busy")) be_busy();
  if (argc < 3) return 2;
  struct setting setting = {argv[1], 64, 1 << 20, 1, 0, NULL, {NULL, NULL}};
  long times = atol(argv[2]);
  if (is(setting.way, "1 KiB")) setting.length = 1 << 10;
  if (is(setting.way, "64 KiB")) setting.length = 1 << 16;
  if (is(setting.way, "1 MiB")) setting.length = 1 << 20;
  if (setting.length > 1 << 10) setting.capacity = 1 << 22;
  if (strstr(setting.way, " senders, ")) setting.senders = atoi(setting.way);
  if (setting.senders < 1 || setting.senders > MAX_SENDERS) return 2;
  setting.warm_up = times / 10 / setting.senders * setting.senders;
  setting.control = shared(sizeof *setting.control);
  for (int i = 0; i < 2; i++) setting.rings[i] = shared(sizeof(struct ring) + setting.capacity);
  setting.control->shared = side_of(&setting, 0);
  make_mutex(&setting.control->mutex);
  int busy = is(setting.way, "64 B, busy") ? start_child() : -1;
  if (busy == 0) be_busy();
  int asleep = is(setting.way, "round trip, asleep");
  int there_and_back = asleep || is(setting.way, "round trip, spin");
  for (int sender = 0; sender < setting.senders; sender++) {
    if (start_child() != 0) continue;
    if (there_and_back) pin(1);
    child(&setting, sender, times);
    _exit(0);
  }

  if (there_and_back) pin(0);
  double start = 0, ns = 0;
  uint64_t sum = 0;
  struct side in = side_of(&setting, 0);
  if (is(setting.way, "round trip, spin")) {
    struct side out = in, back = side_of(&setting, 1);
    open_gate(setting.control, 1);
    ask_spinning(&out, &back, setting.warm_up);
    start = now();
    sum = ask_spinning(&out, &back, times);
    ns = now() - start;
  } else if (asleep) {
    struct post post = {in, side_of(&setting, 1), &setting.control->bells[0],
                        &setting.control->bells[1]};
    open_gate(setting.control, 1);
    ask_sleeping(&post, setting.warm_up);
    start = now();
    sum = ask_sleeping(&post, times);
    ns = now() - start;
  } else {
    for (int turn = 0; turn < 2; turn++) {
      long count = turn == 0 ? setting.warm_up : times;
      if (turn == 1) open_gate(setting.control, setting.senders);
      start = now();
      if (setting.senders > 1) sum = receive_from_many(&in, setting.senders, count);
      else if (is(setting.way, "in place, 64 B")) sum = receive_in_place(&in, setting.length, count);
      else sum = receive_all(&in, setting.length, count);
      ns = now() - start;
    }
  }
  if (busy > 0) kill(busy, SIGKILL);
  for (int status; wait(&status) > 0;) {
    if (WIFEXITED(status) && WEXITSTATUS(status) != 0) fail("a sender failed");
  }
  printf("{\"nanoseconds\":%f,\"checksum\":\"%lu\",\"memory\":0}\n", ns / times, sum);
  return 0;
}
