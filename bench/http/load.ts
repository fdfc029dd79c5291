/**
 * The client of the HTTP benchmarks: keep-alive connections on which requests follow each other.
 *
 *     node load.ts PORT CONNECTIONS REQUESTS
 *
 * Prints "ready" once each connection has had an answer, starts when it is sent a line, prints how many seconds the
 * requests have taken, and ends when its standard input does. Every answer must be as long as the first one.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const [port = 0, connections = 0, requests = 0] = process.argv.slice(2).map(Number);
const request = Buffer.from('GET /hello HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\n\r\n');

let left = requests;
let answered = 0;
let start = 0;

const clients = await Promise.all(Array.from({ length: connections }, openAndTry));
console.log('ready');
process.stdin.on('end', () => process.exit());
await once(process.stdin, 'data');
start = performance.now();
for (const { socket, answerBytes } of clients) {
  let missing = answerBytes;
  socket.removeAllListeners('data').on('data', (data) => {
    missing -= data.length;
    if (missing < 0) throw new Error('Cannot measure: an answer is longer than the first one');
    if (missing > 0) return;
    missing = answerBytes;
    answered += 1;
    if (answered === requests) console.log(JSON.stringify({ seconds: (performance.now() - start) / 1000 }));
    ask(socket);
  });
  ask(socket);
}

function ask(socket: Socket): void {
  if (left === 0) return;
  left -= 1;
  socket.write(request);
}

async function openAndTry(): Promise<{ socket: Socket; answerBytes: number }> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  socket.on('close', () => {
    throw new Error('Cannot measure: the server has closed a connection');
  });
  await once(socket, 'connect');
  socket.write(request);
  let answer = '';
  socket.on('data', (data) => {
    answer += data.toString('latin1');
  });
  for (;;) {
    await once(socket, 'data');
    const [head, body] = answer.split('\r\n\r\n');
    const length = Number(/^content-length: (\d+)$/im.exec(head ?? '')?.[1]);
    if (body !== undefined && body.length === length) return { socket, answerBytes: answer.length };
  }
}
