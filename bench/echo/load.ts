/**
 * The client of the echo benchmarks where there is no C compiler: load.c in TypeScript, with the same arguments, the same
 * lines in and out, and the same answer.
 *
 *     node load.ts PORT CONNECTIONS BYTES DEPTH MILLISECONDS
 *
 * It needs about as much time for a message as the servers do, so the rates that it measures are its own as much as
 * theirs; the servers' CPU time for a message is not.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const [port = 0, connections = 0, bytes = 0, depthAsked = 0, milliseconds = 0] = process.argv
  .slice(2)
  .map(Number);
const reconnect = depthAsked === 0;
const depth = reconnect ? 1 : depthAsked;
const chunkBytes = 64 * 1024;
/** How many are opened before the server must have shown that it has accepted them. */
const batch = 64;
/** The message, repeated, so that a part of any length may be looked at from any place in it. */
const pattern = Buffer.alloc(bytes * (depth + 1) + chunkBytes);
for (let i = 0; i < pattern.length; i += 1) pattern[i] = (i % bytes) * 31 + 7;

let messages = 0;
let inFlight = connections * depth;
let stopping = false;
let start = 0;

const sockets: Socket[] = [];
while (sockets.length < connections) {
  const count = Math.min(batch, connections - sockets.length);
  sockets.push(...(await Promise.all(Array.from({ length: count }, openAndTry))));
}
console.log('ready');
process.stdin.on('end', () => process.exit());
await once(process.stdin, 'data');
start = performance.now();
for (const socket of sockets) socket.write(pattern.subarray(0, bytes * depth));
setTimeout(() => {
  stopping = true;
}, milliseconds);

function finish(): void {
  const seconds = (performance.now() - start) / 1000;
  console.log(JSON.stringify({ messages, seconds }));
}

function openAndTry(): Promise<Socket> {
  return new Promise((resolve) => {
    open((socket) => socket.write(pattern.subarray(0, 1)), resolve);
  });
}

/** @param onTried the first byte is back, which is no message; null: there is no such byte */
function open(onOpen: (socket: Socket) => void, onTried: ((socket: Socket) => void) | null): Socket {
  let tried = onTried;
  let phase = 0;
  const socket = connect({
    host: '127.0.0.1',
    port,
    noDelay: true,
    onread: {
      buffer: Buffer.alloc(chunkBytes),
      callback(received, chunk) {
        if (tried !== null) {
          tried(socket);
          tried = null;
          return true;
        }
        const end = phase + received;
        if (pattern.compare(chunk, 0, received, phase, end) !== 0) fail('the echo is wrong');
        const complete = Math.floor(end / bytes);
        phase = end % bytes;
        messages += complete;
        if (stopping) {
          inFlight -= complete;
          if (inFlight === 0) finish();
        } else if (complete > 0 && reconnect) {
          socket.destroy();
          open((next) => next.write(pattern.subarray(0, bytes)), null);
        } else if (complete > 0) {
          socket.write(pattern.subarray(0, complete * bytes));
        }
        return true;
      },
    },
  });
  socket.on('end', () => fail('the server has closed a connection'));
  socket.on('connect', () => onOpen(socket));
  return socket;
}

function fail(what: string): never {
  throw new Error(`Cannot measure: ${what}`);
}
