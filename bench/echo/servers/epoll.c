/*
 * An echo server in C on epoll(7), one thread: about the least that an echo costs a program that waits for readiness.
 *
 * Prints its port, and ends when its standard input does. It does what the others do: stops reading from a client that
 * does not take its echo, and keeps the rest meanwhile.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUFFER_BYTES = 64 * 1024, READY_MAX = 1024 };

/* What a client has not taken yet; none while `bytes` is null. */
struct rest {
  char *bytes;
  size_t count, sent;
};

static int poller, listener;
static char buffer[BUFFER_BYTES];
static struct rest *rests;

static void die(const char *what) {
  perror(what);
  exit(1);
}

static void watch(int operation, int fd, unsigned events) {
  struct epoll_event event = {.events = events, .data.fd = fd};
  if (epoll_ctl(poller, operation, fd, &event)) die("epoll_ctl");
}

static void drop(int fd) {
  free(rests[fd].bytes);
  rests[fd].bytes = NULL;
  close(fd);
}

static void accept_all(void) {
  for (;;) {
    int on = 1, fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0 && (errno == EINTR || errno == ECONNABORTED)) continue;
    if (fd < 0) return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    watch(EPOLL_CTL_ADD, fd, EPOLLIN);
  }
}

/* Returns how many bytes the kernel has taken; -1: the connection is of no use any more. */
static ssize_t send_some(int fd, const char *bytes, size_t count) {
  size_t sent = 0;
  while (sent < count) {
    ssize_t taken = send(fd, bytes + sent, count - sent, MSG_NOSIGNAL);
    if (taken < 0 && errno == EINTR) continue;
    if (taken < 0) return errno == EAGAIN ? (ssize_t)sent : -1;
    sent += taken;
  }
  return sent;
}

static void echo(int fd) {
  ssize_t received = recv(fd, buffer, sizeof buffer, 0), sent;
  if (received < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (received <= 0 || (sent = send_some(fd, buffer, received)) < 0) {
    drop(fd);
  } else if (sent < received) {
    struct rest *rest = &rests[fd];
    rest->sent = 0;
    rest->count = received - sent;
    rest->bytes = malloc(rest->count);
    if (rest->bytes == NULL) die("malloc");
    memcpy(rest->bytes, buffer + sent, rest->count);
    watch(EPOLL_CTL_MOD, fd, EPOLLOUT);
  }
}

static void go_on(int fd) {
  struct rest *rest = &rests[fd];
  ssize_t sent = send_some(fd, rest->bytes + rest->sent, rest->count - rest->sent);
  if (sent < 0) {
    drop(fd);
    return;
  }
  rest->sent += sent;
  if (rest->sent < rest->count) return;
  free(rest->bytes);
  rest->bytes = NULL;
  watch(EPOLL_CTL_MOD, fd, EPOLLIN);
}

int main(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  struct rlimit files;
  struct epoll_event ready[READY_MAX];
  if (getrlimit(RLIMIT_NOFILE, &files)) die("getrlimit");
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  rests = calloc(files.rlim_cur, sizeof *rests);
  poller = epoll_create1(EPOLL_CLOEXEC);
  listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (rests == NULL || bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 511)) die("listen");
  getsockname(listener, (struct sockaddr *)&address, &length);
  watch(EPOLL_CTL_ADD, listener, EPOLLIN);
  watch(EPOLL_CTL_ADD, STDIN_FILENO, EPOLLIN);
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);
  for (;;) {
    int count = epoll_wait(poller, ready, READY_MAX, -1);
    if (count < 0 && errno != EINTR) die("epoll_wait");
    for (int i = 0; i < count; i++) {
      int fd = ready[i].data.fd;
      if (fd == STDIN_FILENO) return 0;
      if (fd == listener) accept_all();
      else if (rests[fd].bytes == NULL) echo(fd);
      else go_on(fd);
    }
  }
}
