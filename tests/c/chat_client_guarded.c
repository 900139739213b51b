/* A chat client that takes turns by the semaphores of examples/_chat.ts.
 *
 * chat_client_guarded <path> <id> <count> [hold]
 *
 * With "hold" it takes the turn, writes half a message, says "holding", and waits to be killed. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <unistd.h>

enum { FREE, FULL };

static void fail(const char *what) {
  perror(what);
  exit(1);
}

int main(int argc, char **argv) {
  if (argc < 4) return 2;
  long count = atol(argv[3]);
  int hold = argc > 4 && strcmp(argv[4], "hold") == 0;

  key_t key = ftok(argv[1], (int)strtol(argv[2], NULL, 0));
  if (key == -1) fail("ftok");
  int set = semget(key, 2, 0600);
  if (set == -1) fail("semget");
  int id = shmget(key, 4096, 0600);
  if (id == -1) fail("shmget");
  char *text = shmat(id, NULL, 0);
  if (text == (void *)-1) fail("shmat");

  struct sembuf take[] = {{FREE, -1, SEM_UNDO}};
  struct sembuf pass_on[] = {{FREE, +1, SEM_UNDO}, {FREE, -1, 0}, {FULL, +1, 0}};
  for (long number = 1; number <= count; number++) {
    if (semop(set, take, 1) == -1) fail("semop");
    if (hold) {
      strcpy(text, "hello server, I am");
      puts("holding");
      fflush(stdout);
      pause();
    }
    snprintf(text, 4096,
             "hello server, I am another process, communicating with you"
             "[pid:%d][message number:%ld]",
             (int)getpid(), number);
    if (semop(set, pass_on, 3) == -1) fail("semop");
  }

  if (shmdt(text) == -1) fail("shmdt");
  return 0;
}
