// An echo server on Bun's sockets: `bun bun.js`. Prints its port, and ends when its standard input does.

/** Writes what it can; the rest waits for room, and reading with it. */
function send(socket, bytes) {
  const sent = Math.max(0, socket.write(bytes));
  const isAll = sent === bytes.length;
  // What a handler is given is its own only until it returns.
  socket.data.rest = isAll ? null : bytes.slice(sent);
  return isAll;
}

const server = Bun.listen({
  hostname: '127.0.0.1',
  port: 0,
  socket: {
    open(socket) {
      socket.data = { rest: null };
      socket.setNoDelay(true);
    },
    data(socket, bytes) {
      if (socket.data.rest !== null) socket.data.rest = Buffer.concat([socket.data.rest, bytes]);
      else if (!send(socket, bytes)) socket.pause();
    },
    drain(socket) {
      const { rest } = socket.data;
      if (rest !== null && send(socket, rest)) socket.resume();
    },
    error() {},
  },
});
console.log(server.port);
process.stdin.resume().on('end', () => process.exit());
