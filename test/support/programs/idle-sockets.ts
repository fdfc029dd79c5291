// Sockets and servers that need not keep a process alive, and nothing else: for test/adapters/node/net-of-node.test.ts. Says why
// the run ends.
import type { AddressInfo } from 'node:net';
import { Future, run, StateError } from 'tulipa';
import net from 'tulipa/adapters/node/net';

const [driver, scene] = process.argv.slice(2);

function main(): Future<never> {
  const server = net.createServer((socket) => {
    if (scene === 'unread') socket.end('unread');
    else socket.unref();
  });
  server.unref().listen(0, '127.0.0.1', () => {
    if (scene === 'server') return;
    const socket = net.connect((server.address() as AddressInfo).port, '127.0.0.1');
    // Nobody reads what the peer has sent, and so it never ends.
    if (scene === 'unread') socket.once('readable', () => {}).end();
    else socket.pause();
  });
  return new Future<never>();
}

try {
  await run(main, { driver });
} catch (error) {
  console.log(error instanceof StateError ? error.code : error);
}
