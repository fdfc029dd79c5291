/*
 * The client of the echo benchmark: keeps so many messages in flight on so many connections, for so long.
 *
 *   load PORT CONNECTIONS BYTES DEPTH MILLISECONDS
 *
 * Prints one line of JSON, {"messages":…,"seconds":…}, and compares every byte that comes back with what was sent. It
 * ends when everything has come back: a connection that is closed over unread bytes is an error for the server.
 * It uses poll(2), so that it runs wherever there is a C compiler; with some dozens of connections that costs no more
 * than epoll(7). load.ts does the same in TypeScript, for want of a compiler: docs/decisions/0014-load-generator.md.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* at most so many bytes are sent or received at a time */
enum { CHUNK_BYTES = 256 * 1024, SILENCE_MILLISECONDS = 5000 };

struct connection {
  /* bytes that are still to be sent; where in the message the next one stands, for both directions */
  long unsent, send_phase, receive_phase;
};

static void fail(const char *what) {
  fprintf(stderr, "Cannot measure: %s: %s\n", what, errno ? strerror(errno) : "the echo is wrong");
  exit(1);
}

static double seconds_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec + now.tv_nsec / 1e9;
}

static int open_connection(int port) {
  struct sockaddr_in server;
  int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
  memset(&server, 0, sizeof server);
  server.sin_family = AF_INET;
  server.sin_port = htons(port);
  server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || connect(fd, (struct sockaddr *)&server, sizeof server)) fail("connect");
  if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on)) fail("setsockopt");
  return fd;
}

/* Sends what it can, and asks for POLLOUT only while there is more. `pattern` repeats the message. */
static void send_some(struct pollfd *polled, struct connection *c, const char *pattern, long bytes) {
  while (c->unsent > 0) {
    long wanted = c->unsent < CHUNK_BYTES ? c->unsent : CHUNK_BYTES;
    ssize_t sent = send(polled->fd, pattern + c->send_phase, wanted, MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN) fail("send");
    if (sent < 0) break;
    c->unsent -= sent;
    c->send_phase = (c->send_phase + sent) % bytes;
  }
  polled->events = c->unsent > 0 ? POLLIN | POLLOUT : POLLIN;
}

/* Returns how many messages are complete by what has arrived. */
static long receive_some(int fd, struct connection *c, char *chunk, const char *pattern, long bytes) {
  long complete;
  ssize_t received = recv(fd, chunk, CHUNK_BYTES, MSG_DONTWAIT);
  if (received < 0 && errno == EAGAIN) return 0;
  if (received <= 0) fail("the server has closed a connection: recv");
  errno = 0;
  if (memcmp(chunk, pattern + c->receive_phase, received)) fail("compare");
  complete = (c->receive_phase + received) / bytes;
  c->receive_phase = (c->receive_phase + received) % bytes;
  return complete;
}

int main(int argc, char **argv) {
  if (argc != 6) {
    fprintf(stderr, "usage: load PORT CONNECTIONS BYTES DEPTH MILLISECONDS\n");
    return 2;
  }
  int port = atoi(argv[1]), connections = atoi(argv[2]);
  long bytes = atol(argv[3]), depth = atol(argv[4]), messages = 0;
  double duration = atof(argv[5]) / 1e3;
  struct pollfd *polled = calloc(connections, sizeof *polled);
  struct connection *state = calloc(connections, sizeof *state);
  char *pattern = malloc(bytes + CHUNK_BYTES), *chunk = malloc(CHUNK_BYTES);
  for (long i = 0; i < bytes + CHUNK_BYTES; i++) pattern[i] = (char)(i % bytes * 31 + 7);
  for (int i = 0; i < connections; i++) polled[i].fd = open_connection(port);

  double start = seconds_now(), end = start + duration, now = start;
  for (int i = 0; i < connections; i++) {
    state[i].unsent = bytes * depth;
    send_some(&polled[i], &state[i], pattern, bytes);
  }
  for (long left = connections * depth; left > 0; now = seconds_now()) {
    int ready = poll(polled, connections, SILENCE_MILLISECONDS);
    if (ready < 0 && errno != EINTR) fail("poll");
    if (ready == 0) errno = ETIMEDOUT, fail("the server has fallen silent");
    for (int i = 0; i < connections; i++) {
      if (polled[i].revents == 0) continue;
      if (polled[i].revents & ~POLLOUT) {
        long complete = receive_some(polled[i].fd, &state[i], chunk, pattern, bytes);
        messages += complete;
        if (now < end) state[i].unsent += complete * bytes;
        else left -= complete;
      }
      send_some(&polled[i], &state[i], pattern, bytes);
    }
  }
  printf("{\"messages\":%ld,\"seconds\":%.6f}\n", messages, now - start);
  return 0;
}
