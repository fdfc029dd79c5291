import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { coroutine, sleep } from '../../../src/coroutines/index.ts';
import {
  type DriverHost,
  NotSupportedError,
  type Runnable,
  type Suspension,
  SystemError,
} from '../../../src/interface/index.ts';
import { getRunningLoop } from '../../../src/loop/index.ts';
import { EventLoop, type RunnerKind, run } from '../../../src/runtime/index.ts';
import { openUnixConnection, startUnixServer } from '../../../src/streams/index.ts';
import { repositoryRoot } from '../../support/run-program.ts';
import { MemoryDriver } from './memory-driver.ts';

type Steps<T = void> = Generator<Suspension, T, unknown>;

const path = 'echo';
const megabyte = 1024 * 1024;
const loopFactory = () => new EventLoop(new MemoryDriver());
const hasCode = (code: string) => (error: unknown) => error instanceof SystemError && error.code === code;
const lacks = (feature: string) => (error: unknown) =>
  error instanceof NotSupportedError && error.driver === 'memory' && error.feature === feature;

/** Bytes in which any two places are told apart. */
function pattern(byteCount: number): Uint8Array {
  const words = new Uint32Array(byteCount / 4);
  for (let index = 0; index < words.length; index++) words[index] = Math.imul(index, 2654435761);
  return new Uint8Array(words.buffer);
}

describe('the example of docs/writing-a-driver.md', () => {
  it('is quoted there as it is here, whole', () => {
    const page = readFileSync(join(repositoryRoot, 'docs/writing-a-driver.md'), 'utf8');
    const file = readFileSync(join(repositoryRoot, 'test/drivers/example/memory-driver.ts'), 'utf8');
    const quoted = [...page.matchAll(/^```ts\n(.*?)^```$/gms)].map((match) => match[1]);
    assert.ok(quoted.includes(file), 'the page and test/drivers/example/memory-driver.ts differ');
  });

  it('tells nobody anything from inside a call', () => {
    const queue: Runnable[] = [];
    const host = { enqueue: (runnable: Runnable) => void queue.push(runnable) };
    const driver = new MemoryDriver();
    driver.attach(host as unknown as DriverHost);
    const told: unknown[] = [];
    const completion = { succeeded: () => told.push('succeeded'), failed: () => told.push('failed') };
    const target = { kind: 'unix', path } as const;
    driver.connect(target, {}, completion);
    const given = driver.connect(target, {}, completion);
    assert.deepEqual(told, []);
    given.cancel();
    for (const runnable of queue) runnable.run();
    assert.deepEqual(told, ['failed']); // and what was cancelled is not called
  });

  it('ends a wait that is to come as well', () => {
    const driver = new MemoryDriver();
    driver.wake();
    driver.wait(null);
  });

  it('never ends a wait early', () => {
    const driver = new MemoryDriver();
    const begun = driver.now();
    driver.wait(1.5);
    assert.ok(driver.now() - begun >= 1.5);
  });

  it('refuses what it lacks, by name', () => {
    const loop = loopFactory();
    assert.throws(() => loop.addReader(0, () => {}), lacks('descriptors'));
    assert.throws(() => loop.addSignalHandler('SIGINT', () => {}), lacks('signals'));
    assert.throws(() => loop.getaddrinfo('localhost', 80), lacks('names'));
    loop.close();
  });

  it('blocks, as it can wait', () => {
    const loop = loopFactory();
    assert.equal(loop.runUntilComplete(sleep(2, 'slept')), 'slept');
    loop.close();
  });

  for (const runner of ['guest', 'blocking'] satisfies RunnerKind[]) {
    const test = (name: string, main: () => Steps) =>
      it(`${name} (${runner})`, { timeout: 20_000 }, () => run(main, { loopFactory, runner }));

    test('carries more than it holds, both ways, to the end', function* () {
      const server = yield* startUnixServer(
        function* (reader, writer): Steps {
          for (;;) {
            const data = yield* reader.read(100_000);
            if (data.length === 0) break;
            yield* writer.write(data);
          }
          writer.close();
        },
        { path },
      );
      const { reader, writer } = yield* openUnixConnection({ path });
      const sent = pattern(megabyte);
      const sending = getRunningLoop().createTask(
        coroutine(function* (): Steps {
          yield* writer.write(sent);
          writer.writeEof();
        })(),
      );
      const received = yield* reader.read(-1);
      yield* sending;
      assert.ok(Buffer.from(sent.buffer).equals(received));
      writer.close();
      yield* writer.waitClosed();
      server.close();
      yield* server.waitClosed();
    });

    test('holds no more than its limit for who does not read', function* () {
      const loop = getRunningLoop();
      const received: number[] = [];
      const ended = loop.createFuture<void>();
      const server = yield* loop.createUnixServer(
        () => ({
          connectionMade: (transport) => {
            transport.pauseReading();
            loop.callLater(2, () => transport.resumeReading());
          },
          dataReceived: (data: Uint8Array) => void received.push(data.length),
          connectionLost: () => ended.setResult(),
        }),
        { path },
      );
      const [transport] = yield* loop.createUnixConnection(() => ({}), { path });
      transport.write(new Uint8Array(megabyte));
      assert.equal(transport.getWriteBufferSize(), megabyte - 64 * 1024);
      transport.close();
      yield* ended;
      assert.equal(
        received.reduce((sum, length) => sum + length, 0),
        megabyte,
      );
      server.close();
    });

    test('loses the connection of who writes to somebody gone', function* () {
      const loop = getRunningLoop();
      const lost = loop.createFuture<Error | null>();
      const server = yield* loop.createUnixServer(
        () => ({ connectionMade: (transport) => transport.abort() }),
        { path },
      );
      const [transport] = yield* loop.createUnixConnection(
        () => ({ eofReceived: () => true, connectionLost: (error) => lost.setResult(error ?? null) }),
        { path },
      );
      yield* sleep(1);
      transport.write(new Uint8Array(1));
      assert.ok(hasCode('EPIPE')(yield* lost));
      server.close();
    });

    test('refuses connections where nobody listens, and paths that are taken', function* () {
      const nobody = { path: 'nobody' };
      const server = yield* startUnixServer(() => {}, { path });
      for (const [opening, code] of [
        [openUnixConnection(nobody), 'ECONNREFUSED'],
        [startUnixServer(() => {}, { path }), 'EADDRINUSE'],
      ] as const) {
        let failure: unknown;
        try {
          yield* opening;
        } catch (error) {
          failure = error;
        }
        assert.ok(hasCode(code)(failure), String(failure));
      }
      server.close();
      yield* server.waitClosed();
      yield* startUnixServer(() => {}, { path }); // free again
    });
  }
});
