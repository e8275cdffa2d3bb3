/*
 * leapp: the small program that everybody calls.
 *
 * It answers `leapp session generate ID` from the running agent, so that a credential_process call costs less
 * than starting an interpreter. For anything else, and whenever something is not as expected, it becomes
 * leapp-core, the real program, which lies beside it. The dialect it speaks is described in
 * packages/agent/src/protocol.ts, the socket's path in packages/agent/src/platform/paths.ts.
 */
#define _GNU_SOURCE
#define _DARWIN_C_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>
#ifdef __APPLE__
#include <mach-o/dyld.h>
#endif

enum {
  max_id = 128,
  max_socket_path = 100, /* macOS allows 103 bytes, Linux 107. */
  max_reply = 8192,      /* A credential line is under 4 KiB, an error line under 512 bytes. */
  deadline = 58,         /* Seconds. The Go SDK kills its credential_process after 60. */
  /* packages/core/src/errors.ts */
  internal = 1, mfa_needed = 10, sign_in_needed = 11, vault_locked = 14, agent_unavailable = 30,
  run_the_core = 255,
};

extern char **environ;
static void (*inherited_sigpipe)(int);

/* Writes all of it, in one write wherever the other end takes one. */
static int put(int fd, const char *text, size_t size) {
  while (size > 0) {
    ssize_t n = write(fd, text, size);
    if (n < 0 && errno != EINTR) return 0;
    if (n > 0) text += n, size -= (size_t)n;
  }
  return 1;
}

/* Variables that make Bun or the dynamic linker load code, or trust somebody, at the caller's wish. */
static int steers_the_core(const char *variable) {
  return !strncmp(variable, "BUN_", 4) || !strncmp(variable, "NODE_", 5) || !strncmp(variable, "LD_", 3) ||
         !strncmp(variable, "DYLD_", 5);
}

/* This file's own absolute path with symbolic links resolved; false when the system does not tell. */
static int own_path(char *path) {
#ifdef __APPLE__
  char raw[PATH_MAX];
  uint32_t size = sizeof raw;
  return _NSGetExecutablePath(raw, &size) == 0 && realpath(raw, path) != NULL;
#else
  ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);
  if (n > 0) path[n] = 0;
  return n > 0;
#endif
}

static void become_core(char **argv) {
  static const char failure[] = "leapp: cannot run leapp-core, which belongs beside it; install again\n";
  char path[PATH_MAX + sizeof "leapp-core"];
  char **kept = environ;
  signal(SIGPIPE, inherited_sigpipe);
  for (char **variable = environ; *variable; variable++)
    if (!steers_the_core(*variable)) *kept++ = *variable;
  *kept = NULL;
  if (own_path(path)) {
    strcpy(strrchr(path, '/') + 1, "leapp-core");
    execv(path, argv);
  }
  put(2, failure, sizeof failure - 1);
  _exit(internal);
}

/* Paths that are not absolute hang below the current folder; no blank slash at the end. */
static int absolute(char *out, const char *path, const char *below) {
  char folder[PATH_MAX] = "";
  if (path[0] != '/' && !getcwd(folder, sizeof folder)) return 0;
  int n = snprintf(out, PATH_MAX, "%s%s%s%s", folder, *folder ? "/" : "", path, below);
  if (n < 0 || n >= PATH_MAX) return 0;
  while (n > 1 && out[n - 1] == '/') out[--n] = 0;
  return 1;
}

static const char *variable(const char *name) {
  const char *value = getenv(name);
  return value && *value ? value : NULL;
}

/* The same rule as `resolvePaths` in platform/paths.ts; a test compares the two. */
static int socket_path(char *out, size_t size) {
  char home[PATH_MAX];
  const char *given = variable("LEAPP_HOME"), *below = "";
#ifndef __APPLE__
  const char *data = variable("XDG_DATA_HOME");
  if (!given && data && *data == '/') given = data, below = "/leapp";
#endif
  if (!given) {
    struct passwd *person = (given = variable("HOME")) ? NULL : getpwuid(geteuid());
    if (person) given = person->pw_dir;
    if (!given) return 0;
#ifdef __APPLE__
    below = "/Library/Application Support/leapp";
#else
    below = "/.local/share/leapp";
#endif
  }
  if (!absolute(home, given, below)) return 0;
  if (snprintf(out, size, "%s/agent.sock", home) <= max_socket_path) return 1;
  uint64_t hash = 0xcbf29ce484222325; /* FNV-1a, 64 bits */
  for (const char *c = home; *c; c++) hash = (hash ^ (unsigned char)*c) * 0x100000001b3;
  return snprintf(out, size, "/tmp/leapp-%lu/%016llx.sock", (unsigned long)geteuid(),
                  (unsigned long long)hash) > 0;
}

/* A socket to an agent that this user runs, or -1. */
static int connect_to_agent(void) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  struct stat file;
  if (!socket_path(address.sun_path, sizeof address.sun_path)) return -1;
  if (lstat(address.sun_path, &file) != 0 || !S_ISSOCK(file.st_mode) || file.st_uid != geteuid()) return -1;
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  if (fd < 0) return -1;
  struct timeval patience = {.tv_sec = deadline};
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) return -1;
#ifdef SO_PEERCRED
  struct ucred peer;
  socklen_t size = sizeof peer;
  return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == geteuid() ? fd : -1;
#else
  uid_t uid, gid; /* gid_t is the same type there. */
  return getpeereid(fd, &uid, &gid) == 0 && uid == geteuid() ? fd : -1;
#endif
}

/* Answers from the agent and exits; returns when the core has to answer instead. */
static void generate(const char *id) {
  static const char too_late[] = "leapp: the agent did not answer in time; run `leapp agent status`\n";
  char request[max_id + 16];
  char reply[8 + max_reply] = "leapp: "; /* The prefix of an error line; a credential line leaves it out. */
  char *const start = reply + 7, *const limit = reply + sizeof reply;
  char *end = start;
  ssize_t n;
  int fd = connect_to_agent();
  if (fd < 0 || !put(fd, request, (size_t)sprintf(request, "generate 1 %s\n", id))) return;
  while (end < limit && ((n = read(fd, end, (size_t)(limit - end))) > 0 || (n < 0 && errno == EINTR)))
    if (n > 0) end += n;
  if (end == start && n < 0 && errno == EAGAIN) {
    put(2, too_late, sizeof too_late - 1);
    _exit(agent_unavailable);
  }

  /* CODE TEXT\n, whole, and nothing behind it. */
  int code = 0, digits = 0;
  while (digits < 3 && start[digits] >= '0' && start[digits] <= '9') code = code * 10 + start[digits++] - '0';
  char *text = start + digits + 1;
  int garbled = digits == 0 || code > 255 || end < text + 2 || text[-1] != ' ' ||
                memchr(start, '\n', (size_t)(end - start)) != end - 1;
  int needs_a_person = code == mfa_needed || code == sign_in_needed || code == vault_locked;
  if (garbled || (needs_a_person && isatty(1) && isatty(2))) code = run_the_core;
  if (code == 0) {
    if (!put(1, text, (size_t)(end - text))) code = internal;
  } else if (code != run_the_core) {
    memmove(start, text, (size_t)(end - text));
    put(2, reply, (size_t)(start - reply + (end - text)));
  }
  for (volatile char *secret = reply; secret < limit; secret++) *secret = 0;
  if (code != run_the_core) _exit(code);
}

static int is_session(const char *id) {
  size_t n = 0;
  while ((unsigned char)id[n] > ' ' && id[n] != 0x7f) n++;
  return n > 0 && n <= max_id && !id[n] && id[0] != '-';
}

int main(int argc, char **argv) {
  /* The next file opened would get a closed descriptor's number. 1 stays unwritable: printing must fail. */
  for (int fd = 0; fd < 3; fd++)
    if (fcntl(fd, F_GETFD) < 0) open("/dev/null", fd == 1 ? O_RDONLY : O_RDWR);
  inherited_sigpipe = signal(SIGPIPE, SIG_IGN);
  if (argc == 4 && !strcmp(argv[1], "session") && !strcmp(argv[2], "generate") && is_session(argv[3]))
    generate(argv[3]);
  become_core(argv);
}
