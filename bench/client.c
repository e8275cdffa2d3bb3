/*
 * The least that any client of the agent's first dialect (packages/agent/src/protocol.ts) has to do: connect, ask,
 * read to the end, print. It looks at nothing: the yardstick for the launcher, not a program to use.
 *
 *   client SOCKET SESSION
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int main(int argc, char **argv) {
  char text[8192];
  size_t size = 0;
  ssize_t n;
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  if (argc != 3 || strlen(argv[1]) >= sizeof address.sun_path) return 2;
  strcpy(address.sun_path, argv[1]);
  if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) return 1;
  int asked = snprintf(text, sizeof text, "generate 1 %s\n", argv[2]);
  if (write(fd, text, (size_t)asked) != asked) return 1;
  while ((n = read(fd, text + size, sizeof text - size)) > 0) size += (size_t)n;
  if (size < 3 || memcmp(text, "0 ", 2) != 0) return 1;
  return write(1, text + 2, size - 2) != (ssize_t)(size - 2);
}
