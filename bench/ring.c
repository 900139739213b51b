/* The work of bench/ring.ts in C: `ring <way> <times> <directory>` prints a sample as JSON. The
   parent measures and receives, its children send; or the other way round, where several receive.
   `ring busy` uses a processor until it is killed. */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "pin.h"
#include "queue.h"

enum { BATCH = 64, MOST = 8, MAX_LENGTH = 1 << 20 };

/* What both sides share beside the rings. */
struct control {
  _Alignas(LINE) struct gate gate;
  _Alignas(LINE) _Atomic uint32_t bells[2];
  _Alignas(LINE) pthread_mutex_t mutex;
  struct side shared; /* the side of several, which have it in turn */
  _Alignas(LINE) uint64_t sums[MOST];
};

struct setting {
  const char *way;
  uint32_t length;
  uint64_t capacity;
  int senders, receivers;
  int asleep, in_place, round_trip, spinning;
  struct control *control;
  struct ring *rings[2];
};

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

/* One side of a round trip. */
struct post {
  struct side out, in;
  _Atomic uint32_t *there, *here;
  int asleep;
};

static void post_send(struct post *post, uint64_t value) {
  send(&post->out, &value, sizeof value);
  if (post->asleep) ring_bell(post->there);
}

static uint64_t post_receive(struct post *post) {
  uint64_t value;
  if (post->asleep) sleep_for_message(&post->in, post->here);
  receive(&post->in, &value);
  return value;
}

static void answer(struct post *post, long times) {
  for (long i = 0; i < times; i++) post_send(post, post_receive(post) + 1);
}

static uint64_t ask(struct post *post, long times) {
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

/* ---- several senders, or receivers: one robust mutex ---- */

static void lock(const struct setting *setting) {
  pthread_mutex_t *mutex = &setting->control->mutex;
  int result = setting->spinning ? lock_spinning(mutex) : pthread_mutex_lock(mutex);
  if (result != 0) fail("pthread_mutex_lock");
}

static void unlock(const struct setting *setting) {
  pthread_mutex_unlock(&setting->control->mutex);
}

static void send_locked(const struct setting *setting, int sender, long times) {
  unsigned char message[64] = {0};
  for (long i = 0; i < times; i++) {
    uint32_t number = i;
    memcpy(message, &number, sizeof number);
    memcpy(message + 4, &sender, sizeof sender);
    lock(setting);
    send(&setting->control->shared, message, sizeof message);
    unlock(setting);
  }
}

/* The number of a message after which its receiver gets no more. */
static const uint32_t STOP = UINT32_MAX;

static void send_to_many(const struct setting *setting, struct side *side, long times) {
  send_all(side, setting->length, times);
  unsigned char message[64];
  memset(message, 0xff, sizeof message);
  for (int i = 0; i < setting->receivers; i++) send(side, message, sizeof message);
}

static uint64_t receive_locked(const struct setting *setting) {
  unsigned char message[64];
  uint32_t first, last, before = 0;
  for (uint64_t sum = 0;; sum += first, before = first) {
    lock(setting);
    receive(&setting->control->shared, message);
    unlock(setting);
    memcpy(&first, message, sizeof first);
    memcpy(&last, message + sizeof message - 4, sizeof last);
    if (first == STOP) return sum;
    if (first < before || last != first) fail("a message is out of order, or torn");
  }
}

/* Counts from 0 for each sender, and again from 0 after the warm-up. */
static uint64_t receive_from_many(struct side *side, int senders, long times) {
  uint32_t expected[MOST] = {0};
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

static int is(const char *way, const char *name) { return strcmp(way, name) == 0; }

static struct setting setting_of(const char *way) {
  struct setting setting = {.way = way, .length = 64, .capacity = 1 << 20};
  if (is(way, "1 KiB")) setting.length = 1 << 10;
  if (is(way, "64 KiB")) setting.length = 1 << 16;
  if (is(way, "1 MiB")) setting.length = 1 << 20;
  if (setting.length > 1 << 10) setting.capacity = 1 << 22;
  if (strstr(way, " senders, ")) setting.senders = atoi(way);
  if (strstr(way, " receivers, ")) setting.receivers = atoi(way);
  if (setting.senders > MOST || setting.receivers > MOST) fail("too many");
  setting.asleep = is(way, "round trip, asleep");
  setting.round_trip = setting.asleep || is(way, "round trip, spin");
  setting.in_place = is(way, "in place, 64 B");
  setting.spinning = strstr(way, "spinning") != NULL;
  setting.control = shared(sizeof *setting.control);
  for (int i = 0; i < 2; i++) setting.rings[i] = shared(sizeof(struct ring) + setting.capacity);
  setting.control->shared = side_of(&setting, 0);
  make_mutex(&setting.control->mutex);
  return setting;
}

static struct post post_of(const struct setting *setting, int is_child) {
  _Atomic uint32_t *bells = setting->control->bells;
  int back = setting->round_trip; /* else both sides are of one ring */
  return (struct post){
      .out = side_of(setting, back && is_child), .in = side_of(setting, back && !is_child),
      .there = &bells[is_child], .here = &bells[!is_child],
      .asleep = setting->asleep,
  };
}

static void child_work(struct setting *setting, struct post *post, int index, long times) {
  if (setting->round_trip) answer(post, times);
  else if (setting->senders) send_locked(setting, index, times / setting->senders);
  else if (setting->receivers) setting->control->sums[index] = receive_locked(setting);
  else if (setting->in_place) send_in_place(&post->out, setting->length, times);
  else send_all(&post->out, setting->length, times);
}

static uint64_t parent_work(struct setting *setting, struct post *post, long times) {
  if (setting->round_trip) return ask(post, times);
  if (setting->senders) return receive_from_many(&post->in, setting->senders, times);
  if (setting->in_place) return receive_in_place(&post->in, setting->length, times);
  if (setting->receivers == 0) return receive_all(&post->in, setting->length, times);
  send_to_many(setting, &post->out, times);
  return 0;
}

static void child(struct setting *setting, int index, long times) {
  struct post post = post_of(setting, 1);
  if (setting->round_trip) pin(1);
  child_work(setting, &post, index, warm_up_of(times));
  pass_gate(&setting->control->gate);
  child_work(setting, &post, index, times);
  if (setting->receivers) pass_gate(&setting->control->gate);
}

static void be_busy(void) {
  for (;;) relax();
}

int main(int argc, char **argv) {
  if (argc > 1 && is(argv[1], "busy")) be_busy();
  if (argc < 3) return 2;
  struct setting setting = setting_of(argv[1]);
  struct gate *gate = &setting.control->gate;
  long times = atol(argv[2]);
  int busy = is(setting.way, "64 B, busy") ? start_child() : -1;
  if (busy == 0) be_busy();
  int children = setting.senders + setting.receivers > 0 ? setting.senders + setting.receivers : 1;
  for (int index = 0; index < children; index++) {
    if (start_child() != 0) continue;
    child(&setting, index, times);
    _exit(0);
  }
  if (setting.round_trip) pin(0);
  struct post post = post_of(&setting, 0);
  parent_work(&setting, &post, warm_up_of(times));
  await_children(gate, children);
  double start = now();
  open_gate(gate, children);
  uint64_t sum = parent_work(&setting, &post, times);
  if (setting.receivers) open_gate(gate, children); /* they have received all */
  double ns = (now() - start) / times;
  for (int i = 0; i < setting.receivers; i++) sum += setting.control->sums[i];
  if (busy > 0) kill(busy, SIGKILL);
  for (int status; wait(&status) > 0;) {
    if (WIFEXITED(status) && WEXITSTATUS(status) != 0) fail("a child failed");
  }
  printf("{\"nanoseconds\":%f,\"checksum\":\"%lu\",\"memory\":0}\n", ns, sum);
  return 0;
}
