/* Programs transfer money between accounts in shared memory, under one mutex: this one, and bank.ts, which see.
 * Compile it with `cc -O2 bank.c -o bank -lrt -lpthread`. Both know the same options. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { SIZE = 4096, ACCOUNTS = 16, FIRST_BALANCE = 1000, TOTAL = ACCOUNTS * FIRST_BALANCE };

/* What a transfer is about to make of the bank: who does it twice does no harm. */
struct journal {
  _Atomic uint32_t pending; /* 1 while it counts; written last, and cleared last */
  int32_t from, to;
  int64_t number, from_after, to_after;
};

struct bank {
  union {
    pthread_mutex_t mutex;
    char room[64];
  };
  _Atomic uint32_t ready; /* 1 once all of it is there */
  struct journal journal;
  int64_t transfers;
  int64_t balances[ACCOUNTS];
};

static volatile sig_atomic_t interrupted;
static int last; /* the step to die at */
static long lives;

static void interrupt(int number) { interrupted = number; }

static void fail(const char *what, int error) {
  fprintf(stderr, "%s: %s\n", what, strerror(error));
  exit(1);
}

static void at_step(int step) {
  if (step == last && lives-- == 0) raise(SIGKILL);
}

/* Makes all stores so far come before all that follow: a process may be killed in between. */
static void barrier(void) { atomic_thread_fence(memory_order_seq_cst); }

/* Does what the journal says. */
static void apply(struct bank *bank) {
  struct journal *journal = &bank->journal;
  bank->balances[journal->from] = journal->from_after;
  barrier();
  at_step(4);
  bank->balances[journal->to] = journal->to_after;
  barrier();
  at_step(5);
  bank->transfers = journal->number;
  atomic_store(&journal->pending, 0);
  at_step(6);
}

/* Locks the bank, and first finishes what a process left half done that died with it. */
static void lock(struct bank *bank) {
  int result = pthread_mutex_lock(&bank->mutex);
  if (result == EOWNERDEAD) {
    at_step(7);
    struct journal *journal = &bank->journal;
    if (atomic_load(&journal->pending) == 1) {
      if ((uint32_t)journal->from >= ACCOUNTS || (uint32_t)journal->to >= ACCOUNTS) fail("journal", EINVAL);
      fprintf(stderr, "the last owner died: finished its transfer from %d to %d\n", journal->from, journal->to);
      apply(bank);
    } else {
      fprintf(stderr, "the last owner died, and had changed nothing\n");
    }
    result = pthread_mutex_consistent(&bank->mutex);
  }
  if (result != 0) fail("pthread_mutex_lock", result);
}

static void unlock(struct bank *bank) {
  int result = pthread_mutex_unlock(&bank->mutex);
  if (result != 0) fail("pthread_mutex_unlock", result);
}

/* Transfers some money from one account to another; the caller has locked the bank. */
static void transfer(struct bank *bank) {
  int from = rand() % ACCOUNTS, to = (from + 1 + rand() % (ACCOUNTS - 1)) % ACCOUNTS;
  int64_t amount = 1 + rand() % 100;
  if (amount > bank->balances[from]) amount = bank->balances[from];
  struct journal *journal = &bank->journal;
  at_step(1);
  journal->from = from;
  journal->to = to;
  journal->number = bank->transfers + 1;
  journal->from_after = bank->balances[from] - amount;
  journal->to_after = bank->balances[to] + amount;
  at_step(2);
  atomic_store(&journal->pending, 1); /* from now on it will be done, by whomever */
  at_step(3);
  apply(bank);
}

static void init_mutex(pthread_mutex_t *mutex) {
  pthread_mutexattr_t attr;
  pthread_mutexattr_init(&attr);
  pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
  pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK);
  pthread_mutex_init(mutex, &attr);
}

static void pause_briefly(void) {
  struct timespec time = {0, 10000000};
  nanosleep(&time, NULL);
}

/*
 * Opens the memory, or creates it, if it may, with the accounts; waits for somebody who is doing
 * that.
 */
static struct bank *open_bank(const char *name, int may_create) {
  int created = may_create, fd = -1;
  if (created) fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
  if (!created || (fd == -1 && errno == EEXIST)) {
    created = 0;
    fd = shm_open(name, O_RDWR, 0);
  }
  if (fd == -1) fail(name, errno);
  if (created && posix_fallocate(fd, 0, SIZE) != 0) fail("posix_fallocate", ENOSPC);
  struct stat status = {0};
  for (int i = 0; fstat(fd, &status) == 0 && status.st_size < SIZE; i++) {
    if (i == 200) fail(name, ETIMEDOUT);
    pause_briefly();
  }
  struct bank *bank = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (bank == MAP_FAILED) fail("mmap", errno);
  close(fd);
  if (created) {
    init_mutex(&bank->mutex);
    for (int i = 0; i < ACCOUNTS; i++) bank->balances[i] = FIRST_BALANCE;
    atomic_store(&bank->ready, 1); /* others wait for this */
  }
  for (int i = 0; atomic_load(&bank->ready) != 1; i++) {
    if (i == 200) fail(name, ETIMEDOUT);
    pause_briefly();
  }
  return bank;
}

static int report(struct bank *bank) {
  last = 0;
  lock(bank);
  int64_t total = 0;
  for (int i = 0; i < ACCOUNTS; i++) total += bank->balances[i];
  printf("%lld transfers, total %lld\n", (long long)bank->transfers, (long long)total);
  unlock(bank);
  if (total == TOTAL) return 0;
  fprintf(stderr, "the total should be %d\n", TOTAL);
  return 1;
}

/* A number off the command line, or the end. */
static long number(const char *text, long least, long most) {
  char *end;
  long value = strtol(text, &end, 10);
  if (*text != 0 && *end == 0 && value >= least && value <= most) return value;
  fprintf(stderr, "not a number from %ld to %ld: %s\n", least, most, text);
  exit(2);
}

int main(int argc, char **argv) {
  static const struct option OPTIONS[] = {
      {"transfers", required_argument, NULL, 't'}, {"name", required_argument, NULL, 'n'},
      {"check", no_argument, NULL, 'c'},           {"remove", no_argument, NULL, 'r'},
      {"die-at", required_argument, NULL, 'd'},    {"help", no_argument, NULL, 'h'},
      {NULL, 0, NULL, 0}};
  const char *name = "/isthmus-bank";
  long transfers = 100000;
  int check = 0, remove = 0, option;
  while ((option = getopt_long(argc, argv, "h", OPTIONS, NULL)) != -1) {
    if (option == 't') transfers = number(optarg, 0, 1000000000);
    else if (option == 'n') name = optarg;
    else if (option == 'c') check = 1;
    else if (option == 'r') remove = 1;
    else if (option == 'd') last = (int)number(optarg, 1, 7);
    else {
      fprintf(option == 'h' ? stdout : stderr,
              "Usage: bank [--transfers <number>] [--name <name>] [--check] [--remove] [--die-at <1..7>]\n");
      return option == 'h' ? 0 : 2;
    }
  }
  if (remove) {
    if (shm_unlink(name) == -1) fail(name, errno);
    return 0;
  }
  signal(SIGINT, interrupt);
  signal(SIGTERM, interrupt);
  struct bank *bank = open_bank(name, !check);
  srand(time(NULL) ^ getpid());
  if (last != 7) lives = rand() % 200;
  for (long done = 0; !check && !interrupted && (transfers == 0 || done < transfers); done++) {
    lock(bank);
    transfer(bank);
    unlock(bank);
  }
  return report(bank);
}
