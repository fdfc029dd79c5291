/**
 * The client of the echo benchmark where there is no C compiler: load.c in TypeScript, with the same arguments and the
 * same answer.
 *
 *     node load.ts PORT CONNECTIONS BYTES DEPTH MILLISECONDS
 *
 * It needs about as much time for a message as the servers do, so the rates that it measures are its own as much as
 * theirs; the servers' CPU time for a message is not.
 */
import { connect, type Socket } from 'node:net';

const [port = 0, connections = 0, bytes = 0, depth = 0, milliseconds = 0] = process.argv.slice(2).map(Number);
const chunkBytes = 64 * 1024;
/** The message, repeated, so that a part of any length may be looked at from any place in it. */
const pattern = Buffer.alloc(bytes * (depth + 1) + chunkBytes);
for (let i = 0; i < pattern.length; i += 1) pattern[i] = (i % bytes) * 31 + 7;

let messages = 0;
let inFlight = connections * depth;
let stopping = false;

const sockets = await Promise.all(Array.from({ length: connections }, openConnection));
const start = performance.now();
for (const socket of sockets) socket.write(pattern.subarray(0, bytes * depth));
setTimeout(() => {
  stopping = true;
}, milliseconds);

function finish(): void {
  const seconds = (performance.now() - start) / 1000;
  for (const socket of sockets) socket.destroy();
  console.log(JSON.stringify({ messages, seconds }));
}

function openConnection(): Promise<Socket> {
  return new Promise((resolve) => {
    let phase = 0;
    const socket = connect({
      host: '127.0.0.1',
      port,
      noDelay: true,
      onread: {
        buffer: Buffer.alloc(chunkBytes),
        callback(received, chunk) {
          const end = phase + received;
          if (pattern.compare(chunk, 0, received, phase, end) !== 0) fail('the echo is wrong');
          const complete = Math.floor(end / bytes);
          phase = end % bytes;
          messages += complete;
          if (!stopping) {
            if (complete > 0) socket.write(pattern.subarray(0, complete * bytes));
          } else {
            inFlight -= complete;
            if (inFlight === 0) finish();
          }
          return true;
        },
      },
    });
    socket.on('end', () => fail('the server has closed a connection'));
    socket.on('connect', () => resolve(socket));
  });
}

function fail(what: string): never {
  throw new Error(`Cannot measure: ${what}`);
}
