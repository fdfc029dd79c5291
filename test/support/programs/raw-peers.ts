// Peers by node:net, in a thread of their own: for test/contract/raw-peers.ts, which is told there what each line asks.
// What one control connection has made is gone when that is.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import * as net from 'node:net';
import { createInterface } from 'node:readline';
import { parentPort } from 'node:worker_threads';

const host = '127.0.0.1';

export type Command =
  | { do: 'accept' }
  | { do: 'stop' }
  | { do: 'close' }
  | { do: 'connectAndReset'; port: number }
  | PeerCommand;

type PeerCommand =
  | { do: 'reset' | 'destroy' | 'flood' | 'readToEnd' | 'report'; peer: number }
  | { do: 'end'; peer: number; text: string }
  | { do: 'write'; peer: number; byteCount: number };

export interface Reading {
  byteCount: number;
  sha256: string;
}

async function readToEnd(socket: net.Socket): Promise<Reading> {
  const hash = createHash('sha256');
  let byteCount = 0;
  socket.on('data', (data: Uint8Array) => {
    byteCount += data.length;
    hash.update(data);
  });
  socket.resume();
  await once(socket, 'end');
  return { byteCount, sha256: hash.digest('hex') };
}

/** Sends until it is destroyed. */
function flood(socket: net.Socket): void {
  const chunk = new Uint8Array(64 * 1024);
  const more = () => {
    while (!socket.destroyed && socket.write(chunk));
  };
  socket.on('drain', more);
  more();
}

async function obey(control: net.Socket): Promise<void> {
  const sockets: net.Socket[] = [];
  const waiting: number[] = [];
  const kept = new Set<net.Socket>();
  const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    socket.on('error', () => {});
    waiting.push(sockets.push(socket) - 1);
    server.emit('waiting');
  });
  const reply = (answer: object) => control.write(`${JSON.stringify(answer)}\n`);

  async function perform(command: Command): Promise<object> {
    if (command.do === 'connectAndReset') {
      const client = net.connect(command.port, host).on('error', () => {});
      await once(client, 'connect');
      client.resetAndDestroy();
      return {};
    }
    if (command.do === 'accept') {
      while (waiting.length === 0) await once(server, 'waiting');
      return { peer: waiting.shift() };
    }
    if (command.do === 'stop') {
      server.close();
      return {};
    }
    if (command.do === 'close') {
      const closed = server.listening ? once(server, 'close') : null;
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
      return {};
    }
    return await performOn(sockets[command.peer] as net.Socket, command);
  }

  async function performOn(socket: net.Socket, command: PeerCommand): Promise<object> {
    switch (command.do) {
      case 'reset':
        socket.resetAndDestroy();
        return {};
      case 'destroy':
        socket.destroy();
        return {};
      case 'end':
        socket.end(command.text);
        return {};
      case 'write':
        socket.write(new Uint8Array(command.byteCount).fill(7));
        return {};
      case 'flood':
        flood(socket);
        return {};
      case 'readToEnd':
        return await readToEnd(socket);
      case 'report':
        kept.add(socket);
        void readToEnd(socket).then((reading) => {
          socket.destroy();
          parentPort?.postMessage(reading);
        });
        return {};
    }
  }

  control.on('close', () => {
    if (server.listening) server.close();
    for (const socket of sockets) if (!kept.has(socket)) socket.destroy();
  });
  server.listen(0, host);
  await once(server, 'listening');
  reply({ port: (server.address() as net.AddressInfo).port });
  for await (const line of createInterface({ input: control })) reply(await perform(JSON.parse(line)));
}

const controls = net.createServer((control) => {
  control.on('error', () => {});
  obey(control).catch((error: unknown) => control.destroy(error as Error));
});
controls.listen(0, host, () => parentPort?.postMessage((controls.address() as net.AddressInfo).port));
