import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sleep, timeout } from '../../src/coroutines/index.ts';
import {
  openConnection,
  type StreamReader,
  type StreamWriter,
  startServer,
} from '../../src/streams/index.ts';
import { type SimulatedHost, type Simulation, simulate, Trace } from '../../src/testing/index.ts';
import type { Script } from '../coroutines/spellings.ts';
import { scenario } from './scenarios.ts';

const port = 7;

async function echo(reader: StreamReader, writer: StreamWriter): Promise<void> {
  try {
    for (;;) {
      const data = await reader.read(64 * 1024);
      if (data.length === 0) return;
      await writer.write(data);
    }
  } finally {
    writer.close();
  }
}

async function serveEcho(): Promise<void> {
  const server = await startServer(echo, { port });
  await server.serveForever();
}

/** Says something to the server, and hears it again. */
function* ask(reader: StreamReader, writer: StreamWriter, text: string): Script<string> {
  yield writer.write(`${text}\n`);
  return new TextDecoder().decode(yield reader.readLine()).trimEnd();
}

interface Ends {
  readonly reader: StreamReader;
  readonly writer: StreamWriter;
}

/** A server of echoes, and a connection to it over which something went. */
function* connected(sim: Simulation): Script<Ends & { server: SimulatedHost<void> }> {
  const server = sim.host('server', serveEcho);
  yield sleep(10);
  const ends = (yield openConnection({ host: 'server', port })) as Ends;
  assert.equal(yield* ask(ends.reader, ends.writer, 'first'), 'first');
  return { ...ends, server };
}

/** By its code. */
function* codeOf(wait: PromiseLike<unknown>): Script<unknown> {
  try {
    yield wait;
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
  return null;
}

describe('programs on several hosts', () => {
  scenario('talk over streams, which takes time', function* (sim) {
    const { reader, writer } = yield* connected(sim);
    const before = sim.time;
    assert.equal(yield* ask(reader, writer, 'hello'), 'hello');
    assert.ok(sim.time >= before + 1, 'at least 0.5 ms each way');
    writer.close();
    yield writer.waitClosed();
  });

  scenario('find each other by name and by address', function* (sim) {
    const server = sim.host('server', serveEcho);
    yield sleep(10);
    for (const host of ['server', ...server.addresses]) {
      const { reader, writer } = (yield openConnection({ host, port })) as Ends;
      assert.equal(yield* ask(reader, writer, host), host);
      writer.close();
    }
    assert.notEqual(yield* codeOf(openConnection({ host: 'nobody', port })), null);
    assert.equal(yield* codeOf(openConnection({ host: 'server', port: 9 })), 'ECONNREFUSED');
  });

  scenario('are reset when the other host has crashed and is up again', function* (sim) {
    const { reader, writer, server } = yield* connected(sim);
    server.crash();
    yield sleep(5);
    server.restart();
    yield sleep(5);
    yield writer.write('hello\n');
    assert.equal(yield* codeOf(reader.readLine()), 'ECONNRESET');
    const again = (yield openConnection({ host: 'server', port })) as Ends;
    assert.equal(yield* ask(again.reader, again.writer, 'again'), 'again');
  });

  scenario('hear nothing of a host that is down', function* (sim, _main, spelled) {
    const { reader, server } = yield* connected(sim);
    server.crash();
    assert.equal(
      yield* codeOf(
        spelled.timeout(60_000, function* () {
          yield reader.readLine();
        }),
      ),
      'ERR_TIMEOUT',
    );
  });

  scenario('hear that the program has ended when it was killed', function* (sim) {
    const { reader, server } = yield* connected(sim);
    server.kill();
    assert.equal(((yield reader.readLine()) as Uint8Array).length, 0);
    assert.equal(yield* codeOf(openConnection({ host: 'server', port })), 'ECONNREFUSED');
    server.start();
    yield sleep(1);
    const { writer } = (yield openConnection({ host: 'server', port })) as Ends;
    writer.close();
  });

  scenario('wait while the other one is paused, whose kernel goes on', function* (sim) {
    const { server } = yield* connected(sim);
    server.pause();
    sim.at(5000, () => server.resume());
    const { reader, writer } = (yield openConnection({ host: 'server', port })) as Ends;
    assert.ok(sim.time < 1000);
    assert.equal(yield* ask(reader, writer, 'patience'), 'patience');
    assert.ok(sim.time >= 5000);
  });

  scenario('get through when a partition has healed', function* (sim) {
    const { reader, writer, server } = yield* connected(sim);
    sim.network.partition('test', server);
    sim.at(5000, () => sim.network.heal('test', server));
    assert.equal(yield* ask(reader, writer, 'hello'), 'hello');
    assert.ok(sim.time > 5000 && sim.time < 60_000);
  });

  scenario('hear each other in one direction only if it is so', function* (sim) {
    const { reader, writer, server } = yield* connected(sim);
    sim.network.partition(server, 'test', { oneWay: true });
    yield writer.write('hello\n');
    const heard = timeout(1000, async () => await reader.readLine());
    assert.equal(yield* codeOf(heard), 'ERR_TIMEOUT');
    sim.network.heal();
    assert.equal(new TextDecoder().decode(yield reader.readLine()), 'hello\n');
  });

  scenario('can be isolated, and only those', function* (sim) {
    const { reader, writer } = yield* connected(sim);
    sim.host('lonely', serveEcho);
    yield sleep(5);
    sim.network.isolate('lonely');
    assert.equal(yield* ask(reader, writer, 'still here'), 'still here');
    const connecting = timeout(1000, async () => await openConnection({ host: 'lonely', port }));
    assert.equal(yield* codeOf(connecting), 'ERR_TIMEOUT');
    sim.network.heal('lonely');
    const { writer: far } = (yield openConnection({ host: 'lonely', port })) as Ends;
    far.close();
    assert.throws(() => sim.network.isolate('nobody'), RangeError);
    assert.throws(() => sim.network.partition('lonely', 'lonely'), RangeError);
  });

  scenario('have links of their own', function* (sim) {
    const { reader, writer, server } = yield* connected(sim);
    sim.network.link('test', server, { latency: 100 });
    let before = sim.time;
    assert.equal(yield* ask(reader, writer, 'slow'), 'slow');
    assert.ok(sim.time >= before + 200);
    sim.network.link('test', server, { latency: 1, oneWay: true });
    before = sim.time;
    assert.equal(yield* ask(reader, writer, 'half'), 'half');
    assert.ok(sim.time >= before + 101 && sim.time < before + 200);
    assert.throws(() => sim.network.link('test', server, { loss: 2 }), RangeError);
    sim.network.options = { latency: 7 };
    assert.deepEqual(sim.network.options, { latency: 7 });
  });

  scenario('may send the rest when they end', function* (sim) {
    let heard = 0;
    sim.host('server', async () => {
      const take = async (reader: StreamReader, writer: StreamWriter) => {
        for (let data = await reader.read(); data.length > 0; data = await reader.read())
          heard += data.length;
        writer.close();
      };
      await (await startServer(take, { port })).serveForever();
    });
    const client = sim.host('client', async () => {
      await sleep(10);
      const { writer } = await openConnection({ host: 'server', port });
      writer.writeNow('x'.repeat(200_000));
      writer.close();
    });
    yield client.finished;
    yield sim.eventually(() => heard === 200_000);
  });

  it('do the same for the same seed', async () => {
    const course = async (seed: number) => {
      const trace = new Trace();
      await simulate(
        async (sim) => {
          const server = sim.host('server', serveEcho);
          const clients = ['anna', 'bert'].map((name) =>
            sim.host(name, async () => {
              let heard = 0;
              while (heard < 3) {
                try {
                  await timeout(300, async () => {
                    const { reader, writer } = await openConnection({ host: 'server', port });
                    try {
                      for (; heard < 3; heard++) {
                        await writer.write('x'.repeat(5000));
                        await reader.readExactly(5000);
                      }
                    } finally {
                      writer.transport.abort();
                    }
                  });
                } catch (error) {
                  sim.say(String(error));
                  await sleep(50);
                }
              }
            }),
          );
          sim.at(12, () => server.restart());
          sim.at(40, () => sim.network.partition('anna', server));
          sim.at(500, () => sim.network.heal());
          for (const client of clients) await client.finished;
        },
        { seed, trace, order: 'any', link: { loss: 0.1 } },
      );
      return trace.toString();
    };
    for (const seed of [1, 2, 3]) assert.equal(await course(seed), await course(seed));
    assert.notEqual(await course(1), await course(2));
  });
});
