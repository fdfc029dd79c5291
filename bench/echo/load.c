/*
 * The client of the echo benchmarks: keeps so many messages in flight on so many connections, for so long.
 *
 *   load PORT CONNECTIONS BYTES DEPTH MILLISECONDS
 *
 * DEPTH messages are in flight on each connection; with a DEPTH of 0 there is one, and after it the connection is closed
 * and another one opened.
 *
 * Opens the connections, sees a byte come back on each, and prints the line `ready`. A line on its standard input lets it
 * begin. Then it prints one line of JSON, {"messages":…,"seconds":…}, and keeps the connections open until its standard
 * input ends: whoever started it can look at the server before and after. Every byte that comes back is compared with
 * what was sent. The load ends when everything has come back: a connection that is closed over unread bytes is an error
 * for the server.
 *
 * load.ts does the same in TypeScript, for want of a compiler: docs/decisions/0014-load-generator.md.
 */
#ifdef __linux__
#define _GNU_SOURCE
#include <sys/epoll.h>
#endif
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* At most so many bytes are sent or received at a time. So many connections are opened before the server must have shown
 * that it has accepted them: whoever opens more than are allowed to wait there is kept waiting for a second. */
enum { CHUNK_BYTES = 256 * 1024, BATCH = 64, SILENCE_MILLISECONDS = 10000, READY_MAX = 1024 };

struct connection {
  int fd, wants_output;
  /* bytes that are still to be sent; where in the message the next one stands, for both directions */
  long unsent, send_phase, receive_phase;
};

static int port, connection_count;
static long bytes;
static char *pattern, *chunk;
static struct connection *all;

static void fail(const char *what) {
  fprintf(stderr, "Cannot measure: %s: %s\n", what, errno ? strerror(errno) : "the echo is wrong");
  exit(1);
}

static double seconds_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec + now.tv_nsec / 1e9;
}

/* Who is ready: epoll(7) where there is, as the cost of poll(2) grows with the connections that are not. */
#ifdef __linux__
static int poller;
static struct epoll_event ready[READY_MAX];

static void watch(int index, int is_new) {
  struct epoll_event event = {.events = EPOLLIN | (all[index].wants_output ? EPOLLOUT : 0), .data.u32 = index};
  if (epoll_ctl(poller, is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, all[index].fd, &event)) fail("epoll_ctl");
}

static int wait_ready(void) { return epoll_wait(poller, ready, READY_MAX, SILENCE_MILLISECONDS); }
static int ready_index(int at) { return ready[at].data.u32; }
static int is_readable(int at) { return (ready[at].events & ~EPOLLOUT) != 0; }
#else
static struct pollfd *polled;
static int ready[READY_MAX];

static void watch(int index, int is_new) {
  (void)is_new;
  polled[index].fd = all[index].fd;
  polled[index].events = all[index].wants_output ? POLLIN | POLLOUT : POLLIN;
}

static int wait_ready(void) {
  int count = 0, result = poll(polled, connection_count, SILENCE_MILLISECONDS);
  for (int i = 0; i < connection_count && result > 0 && count < READY_MAX; i++)
    if (polled[i].revents != 0) ready[count++] = i;
  return result < 0 ? result : count;
}
static int ready_index(int at) { return ready[at]; }
static int is_readable(int at) { return (polled[ready[at]].revents & ~POLLOUT) != 0; }
#endif

static void open_connection(int index) {
  static unsigned opened;
  struct sockaddr_in server;
  int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
  memset(&server, 0, sizeof server);
  server.sin_family = AF_INET;
  server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
#ifdef __linux__
  /* One address has ports for some seconds of connections that are closed at once: the kernel keeps each for a minute. */
  struct sockaddr_in own = server;
  own.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + opened % 200);
  if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on)) fail("setsockopt");
  if (bind(fd, (struct sockaddr *)&own, sizeof own)) fail("bind");
#endif
  opened++;
  server.sin_port = htons(port);
  if (fd < 0 || connect(fd, (struct sockaddr *)&server, sizeof server)) fail("connect");
  if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on)) fail("setsockopt");
  all[index] = (struct connection){.fd = fd};
}

static void open_all(void) {
  for (int first = 0; first < connection_count; first += BATCH) {
    int end = first + BATCH < connection_count ? first + BATCH : connection_count;
    for (int i = first; i < end; i++) {
      open_connection(i);
      if (send(all[i].fd, pattern, 1, 0) != 1) fail("send");
    }
    for (int i = first; i < end; i++) {
      char byte;
      if (recv(all[i].fd, &byte, 1, 0) != 1) fail("recv");
      watch(i, 1);
    }
  }
}

/* Sends what it can, and waits for room only while there is more. `pattern` repeats the message. */
static void send_some(int index) {
  struct connection *c = &all[index];
  while (c->unsent > 0) {
    long wanted = c->unsent < CHUNK_BYTES ? c->unsent : CHUNK_BYTES;
    ssize_t sent = send(c->fd, pattern + c->send_phase, wanted, MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN) fail("send");
    if (sent < 0) break;
    c->unsent -= sent;
    c->send_phase = (c->send_phase + sent) % bytes;
  }
  if (c->wants_output == (c->unsent > 0)) return;
  c->wants_output = c->unsent > 0;
  watch(index, 0);
}

/* Returns how many messages are complete by what has arrived. */
static long receive_some(struct connection *c) {
  long complete;
  ssize_t received = recv(c->fd, chunk, CHUNK_BYTES, MSG_DONTWAIT);
  if (received < 0 && errno == EAGAIN) return 0;
  if (received <= 0) fail("the server has closed a connection: recv");
  errno = 0;
  if (memcmp(chunk, pattern + c->receive_phase, received)) fail("compare");
  complete = (c->receive_phase + received) / bytes;
  c->receive_phase = (c->receive_phase + received) % bytes;
  return complete;
}

static void wait_for_start(void) {
  printf("ready\n");
  fflush(stdout);
  for (int c = getchar(); c != '\n'; c = getchar())
    if (c == EOF) exit(0);
}

int main(int argc, char **argv) {
  if (argc != 6) {
    fprintf(stderr, "usage: load PORT CONNECTIONS BYTES DEPTH MILLISECONDS\n");
    return 2;
  }
  port = atoi(argv[1]);
  connection_count = atoi(argv[2]);
  bytes = atol(argv[3]);
  long depth = atol(argv[4]), messages = 0;
  int reconnect = depth == 0;
  double duration = atof(argv[5]) / 1e3;
  if (reconnect) depth = 1;

  struct rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files)) fail("getrlimit");
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  if (files.rlim_max < (rlim_t)connection_count + 16) {
    fprintf(stderr, "Cannot measure: no more than %lu files may be open\n", (unsigned long)files.rlim_max);
    return 1;
  }
#ifdef __linux__
  poller = epoll_create1(0);
#else
  polled = calloc(connection_count, sizeof *polled);
#endif
  all = calloc(connection_count, sizeof *all);
  pattern = malloc(bytes + CHUNK_BYTES);
  chunk = malloc(CHUNK_BYTES);
  for (long i = 0; i < bytes + CHUNK_BYTES; i++) pattern[i] = (char)(i % bytes * 31 + 7);
  open_all();
  wait_for_start();

  double start = seconds_now(), end = start + duration, now = start;
  for (int i = 0; i < connection_count; i++) {
    all[i].unsent = bytes * depth;
    send_some(i);
  }
  for (long left = connection_count * depth; left > 0; now = seconds_now()) {
    int count = wait_ready();
    if (count < 0 && errno != EINTR) fail("wait");
    if (count == 0) errno = ETIMEDOUT, fail("the server has fallen silent");
    for (int at = 0; at < count; at++) {
      int index = ready_index(at);
      if (is_readable(at)) {
        long complete = receive_some(&all[index]);
        messages += complete;
        if (now >= end) left -= complete;
        else if (complete > 0 && reconnect) {
          close(all[index].fd);
          open_connection(index);
          watch(index, 1);
          all[index].unsent = bytes;
        } else all[index].unsent += complete * bytes;
      }
      send_some(index);
    }
  }
  printf("{\"messages\":%ld,\"seconds\":%.6f}\n", messages, now - start);
  fflush(stdout);
  while (getchar() != EOF) continue;
  return 0;
}
