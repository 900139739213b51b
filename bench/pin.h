/* Who waits asleep is often woken on its waker's processor, or isn't, as the scheduler likes: a
   factor of ten. Ways whose processes sleep each get a processor of their own. Needs _GNU_SOURCE. */
#include <sched.h>

/* Keeps this process on the first or second processor that it may use. */
static inline void pin(int which) {
  cpu_set_t allowed, one;
  sched_getaffinity(0, sizeof allowed, &allowed);
  which %= CPU_COUNT(&allowed);
  int cpu = 0;
  for (; !CPU_ISSET(cpu, &allowed) || which-- > 0; cpu++) {}
  CPU_ZERO(&one);
  CPU_SET(cpu, &one);
  sched_setaffinity(0, sizeof one, &one);
}
