/*
 * Channels of Isthmus (ring/) for C and C++: send to and receive from Deno programs, and each
 * other. Header only, Linux with glibc; link with -lpthread where glibc is older than 2.34. Include
 * it before any other header, or define _GNU_SOURCE first: without it, waits for a lock that others
 * have go by the wall clock.
 *
 *   struct isthmus_channel channel;
 *   struct isthmus_end receiver;
 *   if (isthmus_channel_open(&channel, memory, size) != 0) ...
 *   if (isthmus_attach(&receiver, &channel, ISTHMUS_RECEIVER) != 0) ...
 *   while ((length = isthmus_receive(&receiver, buffer, sizeof buffer, -1)) >= 0) ...
 *   if (length != -EPIPE) ...
 *   isthmus_detach(&receiver);
 *
 * Deno creates the channel, C opens it. Functions return 0 or a length, or a negated error number:
 *   -EINVAL     no channel is there, or what was written there is no channel's any more
 *   -EBUSY      another one is the only sender or receiver, and lives
 *   -EMSGSIZE   the message is longer than the ring, less 8 bytes; or than the buffer: then it
 *               stays in the ring, and end->needed tells its length
 *   -EAGAIN     within the time nothing came, or there was no room, or others of the same role were
 *               at it
 *   -EPIPE      the stream was ended (isthmus_end_stream() does so): all messages were received, or
 *               nothing can be sent until another sender attaches
 *   -ENOSPC     as many are attached as the channel has room for
 * An end belongs to the thread that attached it.
 *
 * Who died, also by a power failure, leaves place and lock to the next one. But of processes in
 * another pid namespace (container) nobody can tell whether they live: they count as living.
 */
#ifndef ISTHMUS_CHANNEL_H
#define ISTHMUS_CHANNEL_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Since glibc 2.30, and declared for _GNU_SOURCE alone. */
#if defined __USE_GNU && defined __GLIBC_PREREQ
#if __GLIBC_PREREQ(2, 30)
#define ISTHMUS_HAS_CLOCKLOCK
#endif
#endif
#ifdef ISTHMUS_HAS_CLOCKLOCK
#define ISTHMUS_LOCK_CLOCK CLOCK_MONOTONIC
#else
#define ISTHMUS_LOCK_CLOCK CLOCK_REALTIME
#endif

/* What the header of a channel that is ready says: "ISTH", version and kind, its state. */
#define ISTHMUS_ISTH 0x48545349u
enum { ISTHMUS_VERSION = 1, ISTHMUS_CHANNEL = 16, ISTHMUS_READY = 2 };

/* Words of 32 bits, from the first byte of the channel: ring/channel_layout.ts says what they are. */
enum {
  ISTHMUS_MAGIC = 0,
  ISTHMUS_KIND = 1,
  ISTHMUS_LENGTH = 2,
  ISTHMUS_STATE = 4,
  ISTHMUS_CAPACITY = 10,
  ISTHMUS_PARTICIPANTS = 11,
  ISTHMUS_ROLES = 12,
  ISTHMUS_TAIL = 32,
  ISTHMUS_SENT = 33,
  ISTHMUS_SEEN_HEAD = 39,
  ISTHMUS_HEAD = 64,
  ISTHMUS_RECEIVED = 65,
  ISTHMUS_SEEN_TAIL = 71,
  ISTHMUS_SENDERS_MUTEX = 128,
  ISTHMUS_RECEIVERS_MUTEX = 160,
  ISTHMUS_TABLE = 192,
  ISTHMUS_TABLE_ENTRY = 8
};

enum { ISTHMUS_SENDER = 1, ISTHMUS_RECEIVER = 2 };

/* In the tail: there is no more to come. In the tail and the head: somebody sleeps on the word. */
#define ISTHMUS_ENDED 1u
#define ISTHMUS_ASLEEP 2u
#define ISTHMUS_FLAGS 7u

/* In the first word of an entry of the table, with a thread id: the others are to follow. */
#define ISTHMUS_CLAIMING 0x40000000u

/* A sleep is no longer than this: a peer that dies before it wakes others leaves nobody asleep. */
enum { ISTHMUS_RECHECK_MS = 100 };

struct isthmus_channel {
  uint32_t *words;
  unsigned char *data;
  uint32_t capacity, participants, roles;
};

struct isthmus_end {
  struct isthmus_channel *channel;
  pthread_mutex_t *mutex;
  uint32_t *entry;
  int role, only;
  uint32_t needed; /* after -EMSGSIZE from isthmus_receive(): how long the message is */
};

static inline uint32_t isthmus_load(const uint32_t *word) {
  return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

static inline void isthmus_store(uint32_t *word, uint32_t value) {
  __atomic_store_n(word, value, __ATOMIC_SEQ_CST);
}

static inline int isthmus_channel_open(struct isthmus_channel *channel, void *memory, size_t size) {
  uint32_t *words = (uint32_t *)memory;
  if (size < 64 || ((uintptr_t)memory & 7) != 0) return -EINVAL;
  if (isthmus_load(words + ISTHMUS_STATE) != ISTHMUS_READY) return -EINVAL;
  if (words[ISTHMUS_MAGIC] != ISTHMUS_ISTH) return -EINVAL;
  if (words[ISTHMUS_KIND] != (ISTHMUS_VERSION | ISTHMUS_CHANNEL << 16)) return -EINVAL;
  uint32_t capacity = words[ISTHMUS_CAPACITY], participants = words[ISTHMUS_PARTICIPANTS];
  if (capacity < 8 || capacity > 1u << 30 || (capacity & (capacity - 1)) != 0) return -EINVAL;
  if (participants < 1 || participants > 65536) return -EINVAL;
  size_t data = ((ISTHMUS_TABLE + (size_t)participants * ISTHMUS_TABLE_ENTRY) * 4 + 63) / 64 * 64;
  if (words[ISTHMUS_LENGTH] != data + capacity || data + capacity > size) return -EINVAL;
  channel->words = words;
  channel->data = (unsigned char *)memory + data;
  channel->capacity = capacity;
  channel->participants = participants;
  channel->roles = words[ISTHMUS_ROLES];
  return 0;
}

/* When a thread started, field 22 of its stat; 0 if that can't be read. */
static inline uint64_t isthmus_start_time(const char *path, char *state) {
  char text[1024];
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd == -1) return 0;
  ssize_t length = read(fd, text, sizeof text - 1);
  close(fd);
  if (length <= 0) return 0;
  text[length] = 0;
  char *field = strrchr(text, ')');
  if (field == NULL) return 0;
  field += 2;
  *state = *field;
  for (int i = 3; i < 22 && field != NULL; i++) field = strchr(field + 1, ' ');
  return field == NULL ? 0 : strtoull(field, NULL, 10);
}

static inline uint32_t isthmus_namespace(const char *path) {
  char link[64];
  ssize_t length = readlink(path, link, sizeof link - 1);
  if (length <= 0) return 0;
  link[length] = 0;
  char *number = strchr(link, '[');
  return number == NULL ? 0 : (uint32_t)strtoul(number + 1, NULL, 10);
}

/* Whose processes this one can tell anything about; 0 if nobody tells. */
static inline uint32_t isthmus_own_namespace(void) {
  const uint32_t first = 0xeffffffa; /* the time namespace that a system starts with */
  uint32_t pids = isthmus_namespace("/proc/self/ns/pid");
  uint32_t times = isthmus_namespace("/proc/self/ns/time");
  if (pids == 0 || times == 0) return pids;
  return pids ^ times ^ first;
}

/* Whether /proc has the numbers of this process's pid namespace, and not of another one. */
static inline int isthmus_is_proc_ours(void) {
  char link[64];
  ssize_t length = readlink("/proc/self", link, sizeof link - 1);
  if (length <= 0) return 0;
  link[length] = 0;
  return strtol(link, NULL, 10) == (long)getpid();
}

static inline int isthmus_is_dead(const uint32_t *entry, uint32_t own_namespace) {
  char state = 0;
  uint32_t tid = isthmus_load(entry);
  int claiming = (tid & ISTHMUS_CLAIMING) != 0; /* then the other words are of the one before */
  /* Of another container nothing is known. */
  if (own_namespace == 0 || (!claiming && entry[4] != own_namespace)) return 0;
  tid &= ~ISTHMUS_CLAIMING;
  if (kill((pid_t)tid, 0) == -1 && errno == ESRCH) return 1;
  if (!isthmus_is_proc_ours()) return 0; /* the number is in use, that's all that is known */
  char path[64];
  snprintf(path, sizeof path, "/proc/%u/stat", tid);
  uint64_t start = isthmus_start_time(path, &state);
  uint64_t expected = claiming ? 0 : (uint64_t)entry[3] << 32 | entry[2];
  if (start == 0) return 0;
  return state == 'Z' || state == 'X' || (expected != 0 && start != expected);
}

static inline uint32_t *isthmus_join(struct isthmus_channel *channel, int role) {
  uint32_t tid = (uint32_t)syscall(SYS_gettid), own_namespace = isthmus_own_namespace();
  char state;
  uint64_t start = isthmus_start_time("/proc/thread-self/stat", &state);
  /* Empty entries first: those of the dead tell others that they died. */
  for (uint32_t i = 0; i < 2 * channel->participants; i++) {
    size_t index = i % channel->participants;
    uint32_t *entry = channel->words + ISTHMUS_TABLE + index * ISTHMUS_TABLE_ENTRY;
    uint32_t holder = isthmus_load(entry);
    if (holder != 0 && (i < channel->participants || !isthmus_is_dead(entry, own_namespace))) {
      continue;
    }
    if (!__atomic_compare_exchange_n(
          entry, &holder, tid | ISTHMUS_CLAIMING, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
      continue;
    }
    entry[1] = (uint32_t)getpid();
    entry[2] = (uint32_t)start;
    entry[3] = (uint32_t)(start >> 32);
    entry[4] = own_namespace;
    entry[5] = (uint32_t)role;
    isthmus_store(entry, tid);
    return entry;
  }
  return NULL;
}

/* What a dead owner left needs no repair: what it didn't publish isn't there. */
static inline int isthmus_locked(pthread_mutex_t *mutex, int result) {
  if (result == EOWNERDEAD) result = pthread_mutex_consistent(mutex);
  return -result;
}

/*
 * The kernel frees the mutex of a process that dies. But one in a file may have been left locked by
 * a system that was switched off. Whoever has it entered itself into the table before; after the
 * system was started anew, somebody else may have its number.
 */
static inline void isthmus_free_if_dead(struct isthmus_end *end) {
  struct isthmus_channel *channel = end->channel;
  uint32_t *lock = (uint32_t *)end->mutex, word = isthmus_load(lock), tid = word & FUTEX_TID_MASK;
  uint32_t own_namespace = end->entry[4], nobody[5] = { tid | ISTHMUS_CLAIMING, 0, 0, 0, 0 };
  if (tid == 0) return;
  int entered = 0;
  for (uint32_t i = 0; i < channel->participants; i++) {
    uint32_t *entry = channel->words + ISTHMUS_TABLE + (size_t)i * ISTHMUS_TABLE_ENTRY;
    if (entry == end->entry || isthmus_load(entry) != tid || entry[5] != (uint32_t)end->role) {
      continue;
    }
    if (!isthmus_is_dead(entry, own_namespace)) return;
    entered = 1;
  }
  if (!entered && !isthmus_is_dead(nobody, own_namespace)) return;
  __atomic_compare_exchange_n(
    lock, &word, (word & FUTEX_WAITERS) | FUTEX_OWNER_DIED, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static inline int isthmus_trylock(struct isthmus_end *end) {
  return isthmus_locked(end->mutex, pthread_mutex_trylock(end->mutex));
}

static inline int isthmus_attach(struct isthmus_end *end, struct isthmus_channel *channel, int role) {
  int at = role == ISTHMUS_SENDER ? ISTHMUS_SENDERS_MUTEX : ISTHMUS_RECEIVERS_MUTEX;
  end->channel = channel;
  end->role = role;
  end->mutex = (pthread_mutex_t *)(channel->words + at);
  end->only = (channel->roles & (uint32_t)role) == 0;
  end->entry = isthmus_join(channel, role);
  if (end->entry == NULL) return -ENOSPC;
  int result = end->only ? isthmus_trylock(end) : 0;
  if (result == -EBUSY) {
    isthmus_free_if_dead(end);
    result = isthmus_trylock(end);
  }
  if (result != 0) {
    isthmus_store(end->entry, 0);
    return result;
  }
  if (role == ISTHMUS_SENDER) {
    __atomic_and_fetch(channel->words + ISTHMUS_TAIL, ~ISTHMUS_ENDED, __ATOMIC_SEQ_CST);
  }
  return 0;
}

static inline void isthmus_detach(struct isthmus_end *end) {
  isthmus_store(end->entry, 0);
  if (end->only) pthread_mutex_unlock(end->mutex);
}

static inline void isthmus_wake(uint32_t *word) {
  syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static inline int64_t isthmus_now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Sleeps while the word has a value, for a while: -EAGAIN if the deadline (-1: none) is over. */
static inline int isthmus_sleep(uint32_t *word, uint32_t value, int64_t deadline) {
  int64_t left = deadline < 0 ? (int64_t)ISTHMUS_RECHECK_MS : deadline - isthmus_now_ms();
  if (left <= 0) return -EAGAIN;
  if (left > ISTHMUS_RECHECK_MS) left = ISTHMUS_RECHECK_MS;
  struct timespec time = { 0, (long)left * 1000000 };
  /* In the word itself, so that who changes it learns of it. */
  uint32_t asleep = value | ISTHMUS_ASLEEP;
  if (value != asleep && !__atomic_compare_exchange_n(
        word, &value, asleep, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
    return 0; /* it has changed */
  }
  syscall(SYS_futex, word, FUTEX_WAIT, asleep, &time, NULL, 0);
  return 0;
}

/* Locks a mutex within some milliseconds: as C's functions, 0 or a positive error number. */
static inline int isthmus_timedlock(pthread_mutex_t *mutex, int64_t ms) {
  struct timespec until;
  clock_gettime(ISTHMUS_LOCK_CLOCK, &until);
  int64_t nanoseconds = until.tv_nsec + ms % 1000 * 1000000;
  until.tv_sec += ms / 1000 + nanoseconds / 1000000000;
  until.tv_nsec = nanoseconds % 1000000000;
#ifdef ISTHMUS_HAS_CLOCKLOCK
  return pthread_mutex_clocklock(mutex, ISTHMUS_LOCK_CLOCK, &until);
#else
  return pthread_mutex_timedlock(mutex, &until);
#endif
}

/* Locks the side, if others share it: -EAGAIN if the deadline (-1: none) is over. */
static inline int isthmus_lock(struct isthmus_end *end, int64_t deadline) {
  if (end->only) return 0;
  for (;;) {
    int result = isthmus_trylock(end);
    if (result != -EBUSY) return result;
    int64_t left = deadline < 0 ? (int64_t)ISTHMUS_RECHECK_MS : deadline - isthmus_now_ms();
    if (left <= 0) return -EAGAIN;
    if (left > ISTHMUS_RECHECK_MS) left = ISTHMUS_RECHECK_MS;
    result = isthmus_timedlock(end->mutex, left);
    if (result != ETIMEDOUT) return isthmus_locked(end->mutex, result);
    isthmus_free_if_dead(end);
  }
}

static inline void isthmus_unlock(struct isthmus_end *end) {
  if (!end->only) pthread_mutex_unlock(end->mutex);
}

/*
 * Counts a message. Of two notes, each a position and the count up to it, the one for the position
 * that is published counts: who is killed before it publishes another leaves that one alone.
 */
static inline void isthmus_count(uint32_t *notes, uint32_t position, uint32_t next) {
  uint32_t *note = notes[0] == position ? notes : notes + 3, *other = notes + (note == notes) * 3;
  other[0] = next;
  other[1] = note[1] + 1;
  other[2] = note[2] + (other[1] == 0);
}

/* Sends a message, and waits for room for some milliseconds at most: -1 for ever, 0 not at all. */
static inline int isthmus_send(
  struct isthmus_end *end, const void *message, uint32_t length, int timeout_ms
) {
  struct isthmus_channel *channel = end->channel;
  uint32_t *words = channel->words, capacity = channel->capacity, mask = capacity - 1;
  if (length > capacity - 8) return -EMSGSIZE;
  uint32_t size = (length + 8 + 7) & ~7u;
  int64_t deadline = timeout_ms < 0 ? -1 : isthmus_now_ms() + timeout_ms;
  for (;;) {
    int result = isthmus_lock(end, deadline);
    if (result != 0) return result;
    uint32_t seen = isthmus_load(words + ISTHMUS_TAIL), tail = seen & ~ISTHMUS_FLAGS;
    uint32_t room = isthmus_load(words + ISTHMUS_HEAD), head = room & ~ISTHMUS_ASLEEP;
    if ((seen & ISTHMUS_ENDED) != 0 || tail - head > capacity || (head & ISTHMUS_FLAGS) != 0) {
      isthmus_unlock(end);
      return (seen & ISTHMUS_ENDED) != 0 ? -EPIPE : -EINVAL;
    }
    if (capacity - (tail - head) >= size) {
      uint32_t start = (tail + 8) & mask;
      uint32_t first = length < capacity - start ? length : capacity - start;
      *(uint32_t *)(channel->data + (tail & mask)) = length;
      memcpy(channel->data + start, message, first);
      memcpy(channel->data, (const char *)message + first, length - first);
      isthmus_count(words + ISTHMUS_SENT, tail, tail + size);
      words[ISTHMUS_SEEN_HEAD] = head; /* which Deno's senders, if there are many, go by */
      /* Another sender may end the channel meanwhile, without the lock: after that nothing comes. */
      while (!__atomic_compare_exchange_n(
        words + ISTHMUS_TAIL, &seen, tail + size, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
        if ((seen & ISTHMUS_ENDED) == 0) continue;
        isthmus_unlock(end);
        return -EPIPE;
      }
      if ((seen & ISTHMUS_ASLEEP) != 0) isthmus_wake(words + ISTHMUS_TAIL);
      isthmus_unlock(end);
      return 0;
    }
    isthmus_unlock(end);
    result = isthmus_sleep(words + ISTHMUS_HEAD, room, deadline);
    if (result != 0) return result;
  }
}

/*
 * Receives a message into a buffer, and returns its length; waits for one for some milliseconds at
 * most: -1 for ever, 0 not at all.
 */
static inline int isthmus_receive(
  struct isthmus_end *end, void *buffer, uint32_t size, int timeout_ms
) {
  struct isthmus_channel *channel = end->channel;
  uint32_t *words = channel->words, capacity = channel->capacity, mask = capacity - 1;
  int64_t deadline = timeout_ms < 0 ? -1 : isthmus_now_ms() + timeout_ms;
  for (;;) {
    int result = isthmus_lock(end, deadline);
    if (result != 0) return result;
    uint32_t seen = isthmus_load(words + ISTHMUS_TAIL), tail = seen & ~ISTHMUS_FLAGS;
    uint32_t first_head = isthmus_load(words + ISTHMUS_HEAD) & ~ISTHMUS_ASLEEP, head = first_head;
    result = tail - head > capacity || (head & ISTHMUS_FLAGS) != 0 ? -EINVAL : -EAGAIN;
    while (result == -EAGAIN && head != tail) {
      uint32_t header = *(volatile uint32_t *)(channel->data + (head & mask));
      uint32_t length = header & 0x7fffffff;
      /* The highest bit: these bytes are no message but the end of the ring. */
      uint32_t record = header == length ? (length + 8 + 7) & ~7u : length;
      if (record > tail - head || record == 0 || (record & 7) != 0) result = -EINVAL;
      else if (header != length && record == tail - head) result = -EINVAL; /* never sent alone */
      else if (header != length) head += record;
      else if (length > size) {
        end->needed = length;
        result = -EMSGSIZE;
      }
      else {
        uint32_t start = (head + 8) & mask;
        uint32_t first = length < capacity - start ? length : capacity - start;
        memcpy(buffer, channel->data + start, first);
        memcpy((char *)buffer + first, channel->data, length - first);
        isthmus_count(words + ISTHMUS_RECEIVED, first_head, head + record);
        words[ISTHMUS_SEEN_TAIL] = tail;
        uint32_t before =
          __atomic_exchange_n(words + ISTHMUS_HEAD, head + record, __ATOMIC_SEQ_CST);
        if ((before & ISTHMUS_ASLEEP) != 0) isthmus_wake(words + ISTHMUS_HEAD);
        result = (int)length;
      }
    }
    isthmus_unlock(end);
    if (result != -EAGAIN) return result;
    if ((seen & ISTHMUS_ENDED) != 0) return -EPIPE;
    result = isthmus_sleep(words + ISTHMUS_TAIL, seen, deadline);
    if (result != 0) return result;
  }
}

/* Says that there will be no more messages, unless another sender attaches. */
static inline void isthmus_end_stream(struct isthmus_end *end) {
  uint32_t *tail = end->channel->words + ISTHMUS_TAIL;
  __atomic_or_fetch(tail, ISTHMUS_ENDED, __ATOMIC_SEQ_CST);
  isthmus_wake(tail);
}

#endif
