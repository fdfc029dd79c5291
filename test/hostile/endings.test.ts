import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { describe } from 'node:test';
import { gather } from '../../src/coroutines/index.ts';
import type { Protocol, Transport } from '../../src/interface/index.ts';
import { getRunningLoop } from '../../src/loop/index.ts';
import {
  bytes,
  collectReports,
  Echo,
  kinds,
  letTheKernelWork,
  openPair,
  Recorder,
  serve,
  testOn,
} from '../contract/endpoints.ts';
import { realKinds } from '../contract/kinds.ts';

const large = 5_000_000;

/** The methods in which a protocol may end its connection, and what brings them about. */
const occasions: Record<keyof Protocol, (near: Recorder, far: Recorder) => void> = {
  connectionMade: () => {},
  dataReceived: (_near, far) => far.transport.write(new Uint8Array(large)),
  eofReceived: (_near, far) => far.transport.writeEof(),
  pauseWriting: (near) => near.transport.write(new Uint8Array(large)),
  resumeWriting: (near) => near.transport.write(new Uint8Array(large)),
  connectionLost: (_near, far) => far.transport.abort(),
};

const ends = {
  close: (transport: Transport) => transport.close(),
  abort: (transport: Transport) => transport.abort(),
  'close, and then abort': (transport: Transport) => {
    transport.close();
    transport.abort();
  },
  'write much, and close': (transport: Transport) => {
    transport.write(new Uint8Array(large));
    transport.close();
  },
};

for (const kind of realKinds) {
  const test = testOn(kind);

  describe(`an end in the middle of things on the ${kind} loop`, () => {
    for (const [method, bringAbout] of Object.entries(occasions)) {
      for (const [how, end] of Object.entries(ends)) {
        test(`${how} in ${method}: it is lost once, and nothing comes behind that`, function* () {
          let endings = 0;
          const near = new Recorder({
            [method]: () => {
              if (endings++ === 0) end(near.transport);
              return true;
            },
          });
          const pair = yield* openPair('TCP', near);
          if (!near.transport.isClosing()) bringAbout(near, pair.far);
          yield* near.waitLost();
          assert.ok(endings >= 1, 'it never came to that');
          const { calls } = near;
          if (how.startsWith('write much')) yield* pair.far.waitLost();
          yield* letTheKernelWork('TCP', 5);
          assert.equal(near.calls.at(-1), 'connectionLost');
          assert.equal(calls.indexOf('connectionLost'), calls.length - 1, calls.join());
          if (method === 'dataReceived') assert.equal(near.chunks.length, 1);
          yield* pair.finish();
        });
      }
    }

    for (const family of kinds) {
      test(`by one callback of many that are due in the same batch: the others hear no more, over ${family}`, function* () {
        const reports = collectReports();
        const served: Recorder[] = [];
        let heard = 0;
        const { server, connect } = yield* serve(family, () => {
          const one: Recorder = new Recorder({
            dataReceived: () => {
              heard++;
              for (const other of served) if (other !== one) other.transport.abort();
            },
          });
          served.push(one);
          return one;
        });
        const clients = yield* gather(Array.from({ length: 50 }, () => connect(() => new Recorder())));
        while (served.length < clients.length || !served.every((one) => one.connected)) yield;
        yield* letTheKernelWork(family, 5);
        // In one turn, so that all are ready at the next look.
        for (const [transport] of clients) transport.write(bytes('now'));
        const last = clients.length - 1;
        while (heard === 0) yield* letTheKernelWork(family, 1);
        for (const one of served) if (one.byteCount === 0) yield* one.waitLost();
        assert.equal(heard, 1);
        assert.equal(served.filter((one) => one.lost).length, last);
        server.close();
        server.abortClients();
        for (const [, client] of clients) yield* client.waitLost();
        yield* server.waitClosed();
        assert.deepEqual(reports, []);
      });

      test(`of a server, by a connection of the batch that it accepts, over ${family}`, function* () {
        const reports = collectReports();
        let accepted = 0;
        const { server, connect } = yield* serve(family, () => {
          if (++accepted === 3) server.close();
          return new Echo();
        });
        yield* gather(
          Array.from({ length: 30 }, () => connect(() => new Recorder())),
          { returnExceptions: true },
        );
        while (accepted < 3) yield* letTheKernelWork(family, 1);
        server.abortClients();
        yield* server.waitClosed();
        assert.equal(accepted, 3);
        assert.deepEqual(reports, []);
      });
    }

    test('gives numbers to new connections, which hear nothing of what was due for the old ones', function* () {
      const reports = collectReports();
      const loop = getRunningLoop();
      const numbers: (number | null)[] = [];
      const { server, connect } = yield* serve('TCP', () => {
        const one = new Echo();
        return {
          connectionMade(transport: Transport) {
            numbers.push(transport.getExtraInfo('fd'));
            one.connectionMade(transport);
          },
          dataReceived: (data: Uint8Array) => one.dataReceived(data),
        };
      });
      const before = descriptors();
      const old = yield* gather(Array.from({ length: 20 }, () => connect(() => new Recorder())));
      for (const [transport] of old) numbers.push(transport.getExtraInfo('fd'));
      // The echoes of these are due, or on their way, while the numbers get new owners.
      for (const [transport] of old) transport.write(bytes('to the old one'));
      for (const [transport] of old) {
        transport.write(bytes('more'));
        loop.callSoon(() => transport.abort());
      }
      const fresh = yield* gather(Array.from({ length: 20 }, () => connect(() => new Recorder())));
      for (const [, one] of old) yield* one.waitLost();
      const later = yield* gather(Array.from({ length: 20 }, () => connect(() => new Recorder())));
      yield* letTheKernelWork('TCP', 5);
      if (kind.driver !== 'node') assert.ok(new Set(numbers).size < numbers.length, 'all numbers are new');
      for (const [transport, one] of [...fresh, ...later]) {
        assert.deepEqual(one.calls, ['connectionMade']);
        transport.write(bytes('to the new one'));
        yield* one.received(14);
        assert.equal(one.text, 'to the new one');
        transport.abort();
        yield* one.waitLost();
      }
      server.close();
      server.abortClients();
      yield* server.waitClosed();
      yield* letTheKernelWork('TCP', 2);
      if (kind.driver !== 'node') assert.equal(descriptors(), before - 1);
      assert.deepEqual(reports, []);
    });
  });
}

function descriptors(): number {
  return readdirSync('/proc/self/fd').length;
}
