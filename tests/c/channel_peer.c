// The C end of a channel in a file: `channel_peer send|receive <file> <messages> [seed]`. Messages
// are numbers from 0 on, of 8 bytes and as many more as the number says, all of the number's last
// byte; what is received is checked, and its sum printed.

#include "../../c/isthmus_channel.h"
#include <sys/mman.h>
#include <sys/stat.h>

static int fail(const char *what, int result) {
  fprintf(stderr, "%s: %s\n", what, strerror(-result));
  return 1;
}

int main(int argc, char **argv) {
  if (argc < 4) return 2;
  int sends = strcmp(argv[1], "send") == 0, result;
  uint64_t count = strtoull(argv[3], NULL, 10), sum = 0;
  unsigned char message[8 + 256];
  int fd = open(argv[2], O_RDWR);
  struct stat status;
  if (fd == -1 || fstat(fd, &status) == -1) return fail(argv[2], -errno);
  void *memory = mmap(NULL, status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) return fail("mmap", -errno);
  struct isthmus_channel channel;
  struct isthmus_end end;
  if ((result = isthmus_channel_open(&channel, memory, status.st_size)) != 0) {
    return fail("isthmus_channel_open", result);
  }
  if ((result = isthmus_attach(&end, &channel, sends ? ISTHMUS_SENDER : ISTHMUS_RECEIVER)) != 0) {
    return fail("isthmus_attach", result);
  }
  if (sends) {
    for (uint64_t i = 0; i < count; i++) {
      memcpy(message, &i, 8);
      memset(message + 8, (int)(i & 255), i & 255);
      if ((result = isthmus_send(&end, message, 8 + (i & 255), 30000)) != 0) {
        return fail("isthmus_send", result);
      }
    }
  } else {
    uint64_t received = 0;
    while ((result = isthmus_receive(&end, message, sizeof message, 30000)) >= 0) {
      uint64_t number;
      memcpy(&number, message, 8);
      if (result != (int)(8 + (number & 255))) return fail("length", -EINVAL);
      for (int i = 8; i < result; i++) {
        if (message[i] != (number & 255)) return fail("bytes", -EINVAL);
      }
      sum += number;
      if (++received == count) break;
    }
    if (result < 0 && result != -EPIPE) return fail("isthmus_receive", result);
    printf("%llu %llu\n", (unsigned long long)received, (unsigned long long)sum);
  }
  isthmus_detach(&end);
  return 0;
}
