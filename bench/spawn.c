/*
 * Measures programs from outside, closely: the time from before posix_spawn until the output was read to its end
 * and the process waited for. A line of the plan on stdin gives a line of results on stdout:
 *
 *   WIDTH <tab> EXPECTED [<tab> NAME=VALUE]... <tab> PROGRAM [<tab> ARGUMENT]...
 *   NANOSECONDS FAILURES
 *
 * WIDTH copies run at once, with that environment and no other; the time is that of all of them. Each has to exit
 * with 0 and to print EXPECTED somewhere, or nothing at all where EXPECTED is empty. An empty line sends the
 * results so far: until then nobody is woken up by them.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { max_width = 400, max_fields = 64, max_line = 65536, max_output = 64 << 20 };

static char *output; /* Of one process; grows with the longest answer. */
static size_t capacity;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static pid_t start(char **arguments, char **environment, int *end) {
  int ends[2];
  pid_t pid;
  posix_spawn_file_actions_t actions;
  if (pipe(ends) != 0) fail("pipe");
  fcntl(ends[0], F_SETFD, FD_CLOEXEC);
  fcntl(ends[1], F_SETFD, FD_CLOEXEC);
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
  if (posix_spawn(&pid, arguments[0], &actions, NULL, arguments, environment) != 0) fail(arguments[0]);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  *end = ends[0];
  return pid;
}

/* Everything from `end`, then the process; false when it is not as expected. */
static int finish(pid_t pid, int end, const char *expected) {
  size_t size = 0;
  int status;
  for (;;) {
    if (size + 1 >= capacity) {
      if (capacity >= max_output || !(output = realloc(output, capacity = capacity ? capacity * 2 : max_line)))
        fail("too much output");
    }
    ssize_t n = read(end, output + size, capacity - size - 1);
    if (n <= 0) break;
    size += (size_t)n;
  }
  output[size] = 0;
  close(end);
  if (waitpid(pid, &status, 0) != pid) fail("waitpid");
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 &&
         (*expected ? strstr(output, expected) != NULL : size == 0);
}

int main(void) {
  static char line[max_line];
  static pid_t pids[max_width];
  static int ends[max_width];
  setvbuf(stdout, NULL, _IOFBF, 1 << 20);
  while (fgets(line, sizeof line, stdin)) {
    char *fields[max_fields + 1], *rest = line;
    int count = 0, environment = 2, failures = 0;
    line[strcspn(line, "\n")] = 0;
    if (!*line) {
      fflush(stdout);
      continue;
    }
    while (rest && count < max_fields) {
      fields[count++] = rest;
      if ((rest = strchr(rest, '\t'))) *rest++ = 0;
    }
    fields[count] = NULL;
    int width = atoi(fields[0]), program = environment;
    while (program < count && strchr(fields[program], '=')) program++;
    if (width < 1 || width > max_width || program >= count) {
      fputs("spawn: a line that is no plan\n", stderr);
      return 2;
    }
    /* The environment needs a NULL behind it: it moves one to the left, over the two first fields. */
    char *expected = fields[1];
    for (int i = environment; i < program; i++) fields[i - 1] = fields[i];
    fields[program - 1] = NULL;

    double from = now();
    for (int i = 0; i < width; i++) pids[i] = start(fields + program, fields + 1, &ends[i]);
    for (int i = 0; i < width; i++) failures += !finish(pids[i], ends[i], expected);
    printf("%.0f %d\n", now() - from, failures);
  }
  return 0;
}
