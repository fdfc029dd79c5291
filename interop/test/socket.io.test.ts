import assert from 'node:assert/strict';
import http from 'node:http';
import { Server } from 'socket.io';
import { io, type Socket } from 'socket.io-client';
import { serve } from 'tulipa/adapters/node';
import { HttpAgent } from 'tulipa/adapters/node/http';
import { servedRow } from '../served.ts';

function happens(socket: Socket, event: string): Promise<unknown[]> {
  return new Promise((resolve, reject) => {
    socket.once(event, (...args: unknown[]) => resolve(args));
    socket.once('connect_error', reject);
  });
}

function server(): http.Server {
  const httpServer = http.createServer();
  const sockets = new Server(httpServer);
  sockets.on('connection', (socket) => {
    socket.join('all');
    socket.on('twice', (n: number, answer: (n: number) => void) => answer(n * 2));
    socket.on('shout', (words: string) => sockets.to('all').emit('shouted', words));
    socket.on('leave', () => socket.disconnect());
  });
  return httpServer;
}

servedRow('socket.io', {}, (it) => {
  for (const transports of [['polling', 'websocket'], ['polling'], ['websocket']]) {
    const how = transports.length === 2 ? 'polling, and websocket after the upgrade' : transports[0];
    it(`acknowledges, broadcasts and disconnects by ${how}`, {
      serve: (place) => serve(server(), place),
      async use({ authority }) {
        const agent = new HttpAgent({ keepAlive: true });
        const options = { agent: agent as never, transports, forceNew: true };
        const one = io(`http://${authority}`, options);
        const other = io(`http://${authority}`, options);
        const upgraded = new Promise<void>((resolve) => {
          if (transports.length === 1) resolve();
          else one.io.engine.once('upgrade', () => resolve());
        });
        await Promise.all([happens(one, 'connect'), happens(other, 'connect')]);
        assert.equal(await one.emitWithAck('twice', 21), 42);
        await upgraded;
        assert.equal(one.io.engine.transport.name, transports.at(-1));
        const heard = [happens(one, 'shouted'), happens(other, 'shouted')];
        other.emit('shout', 'hello');
        assert.deepEqual(await Promise.all(heard), [['hello'], ['hello']]);
        const gone = happens(one, 'disconnect');
        one.emit('leave');
        assert.equal((await gone)[0], 'io server disconnect');
        other.disconnect();
        agent.destroy();
      },
    });
  }
});
