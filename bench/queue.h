/* A ring in shared memory for bench/ring.c, as one writes it in C for speed: each side keeps its
   own position and what it last saw of the other's, the two published positions have cache lines of
   their own, and a message is a length and its bytes, in one piece. Positions count bytes and never
   wrap; the capacity is a power of 2. */
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#include "together.h"

enum { LINE = 64, HEADER = 8 };
static const uint32_t PADDING = UINT32_MAX;

struct ring {
  _Alignas(LINE) _Atomic uint64_t sent;
  _Alignas(LINE) _Atomic uint64_t received;
  _Alignas(LINE) unsigned char bytes[];
};

/* One side of a ring: private to its process. */
struct side {
  struct ring *ring;
  uint64_t capacity;
  uint64_t mine;
  uint64_t theirs;
};

static inline uint64_t record_size(uint32_t length) {
  return HEADER + (((uint64_t)length + 7) & ~UINT64_C(7));
}

static inline unsigned char *at(const struct side *side) {
  return side->ring->bytes + (side->mine & (side->capacity - 1));
}

static inline uint64_t to_end(const struct side *side) {
  return side->capacity - (side->mine & (side->capacity - 1));
}

/* Waits for room for `size` bytes in one piece, after padding where the end is too near. */
static inline unsigned char *claim(struct side *side, uint64_t size) {
  uint64_t rest = to_end(side);
  uint64_t padding = rest < size ? rest : 0;
  for (unsigned tries = 0; side->mine + padding + size - side->theirs > side->capacity;) {
    side->theirs = atomic_load_explicit(&side->ring->received, memory_order_acquire);
    if (side->mine + padding + size - side->theirs <= side->capacity) break;
    wait_a_little(&tries);
  }
  if (padding) {
    memcpy(at(side), &PADDING, sizeof PADDING);
    side->mine += padding;
  }
  return at(side);
}

static inline void publish(struct side *sender) {
  atomic_store_explicit(&sender->ring->sent, sender->mine, memory_order_release);
}

static inline void release(struct side *receiver) {
  atomic_store_explicit(&receiver->ring->received, receiver->mine, memory_order_release);
}

static inline void send(struct side *side, const void *message, uint32_t length) {
  unsigned char *record = claim(side, record_size(length));
  memcpy(record, &length, sizeof length);
  memcpy(record + HEADER, message, length);
  side->mine += record_size(length);
  publish(side);
}

/* Whether a message is there; looks at the other's position only when it has to. */
static inline int is_there(struct side *side) {
  if (side->mine != side->theirs) return 1;
  side->theirs = atomic_load_explicit(&side->ring->sent, memory_order_acquire);
  return side->mine != side->theirs;
}

/* The next message that is there, past padding. */
static inline unsigned char *next(struct side *side, uint32_t *length) {
  memcpy(length, at(side), sizeof *length);
  if (*length == PADDING) {
    side->mine += to_end(side);
    memcpy(length, at(side), sizeof *length);
  }
  return at(side) + HEADER;
}

static inline void await_message(struct side *side) {
  for (unsigned tries = 0; !is_there(side);) wait_a_little(&tries);
}

static inline uint32_t take(struct side *side, void *message) {
  uint32_t length;
  unsigned char *bytes = next(side, &length);
  memcpy(message, bytes, length);
  side->mine += record_size(length);
  release(side);
  return length;
}

static inline uint32_t receive(struct side *side, void *message) {
  await_message(side);
  return take(side, message);
}
