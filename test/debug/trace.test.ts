import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startTrace, type TraceEvent, type TraceFile } from '../../src/debug/index.ts';
import {
  coroutine,
  createTask,
  type EventLoop,
  Future,
  gather,
  getRunningLoop,
  run,
  StateError,
  type Suspension,
  sleep,
  type Transport,
  taskGroup,
} from '../../src/index.ts';

/** Every event has what the format wants of its kind, and begins and ends match. */
function assertWellFormed(file: TraceFile): void {
  assert.deepEqual(JSON.parse(JSON.stringify(file)), file);
  assert.equal(file.displayTimeUnit, 'ms');
  const open = new Map<string, string[]>();
  const lastOf = new Map<string, number>();
  for (const event of file.traceEvents) {
    assert.equal(typeof event.name, 'string');
    assert.equal(event.pid, process.pid);
    assert.equal(typeof event.tid, 'number');
    assert.ok(Number.isInteger(event.ts) && event.ts >= 0, `ts of ${JSON.stringify(event)}`);
    switch (event.ph) {
      case 'X':
        assert.ok(['step', 'timer', 'callback', 'io'].includes(event.cat ?? ''));
        assert.ok(Number.isInteger(event.dur) && (event.dur ?? -1) >= 0);
        break;
      case 'b':
      case 'e': {
        const id = event.id ?? assert.fail(`no id: ${JSON.stringify(event)}`);
        assert.equal(event.cat, 'task');
        assert.ok(event.ts >= (lastOf.get(id) ?? 0), 'the events of a track are in order');
        lastOf.set(id, event.ts);
        const stack = open.get(id) ?? [];
        open.set(id, stack);
        if (event.ph === 'b') stack.push(event.name);
        else assert.equal(stack.pop(), event.name);
        break;
      }
      case 'i':
        assert.equal(event.s, 't');
        break;
      case 'M':
        assert.equal(typeof event.args?.['name'], 'string');
        break;
      default:
        assert.fail(`unknown phase ${event.ph}`);
    }
  }
  for (const [id, stack] of open) assert.deepEqual(stack, [], `open slices of ${id}`);
}

function named(file: TraceFile, ph: TraceEvent['ph'], name: string | RegExp): TraceEvent[] {
  return file.traceEvents.filter(
    (event) => event.ph === ph && (typeof name === 'string' ? event.name === name : name.test(event.name)),
  );
}

const nap = coroutine(function* nap(): Generator<Suspension, void, unknown> {
  yield* sleep(1);
});

describe('a trace', () => {
  it('has steps, callbacks, timers and I/O with their durations, and tasks with what they wait for', () =>
    run(function* main() {
      const trace = startTrace();
      const loop = getRunningLoop();
      const called = new Future<void>();
      loop.callSoon(function aCallback() {
        loop.callLater(1, function aTimer() {
          called.setResult();
        });
      });
      yield* gather([
        createTask(nap(), { name: 'generator' }),
        createTask(
          async () => {
            await called;
            await sleep(0);
          },
          { name: 'async' },
        ),
      ]);
      const server = yield* loop.createServer(() => ({}), { host: '127.0.0.1' });
      class Client {
        connectionMade() {}
      }
      const [transport] = (yield* loop.createConnection(
        () => new Client(),
        server.sockets[0] as { host: string; port: number },
      )) as [Transport, unknown];
      server.closeClients();
      server.close();
      transport.close();
      yield* server.waitClosed();
      const file = trace.stop();
      assertWellFormed(file);
      assert.equal(named(file, 'X', 'aCallback')[0]?.cat, 'callback');
      assert.equal(named(file, 'X', 'aTimer')[0]?.cat, 'timer');
      assert.ok(file.traceEvents.some(({ cat, ph }) => cat === 'io' && ph === 'X'));
      if (loop.driverName !== 'node') {
        assert.equal(named(file, 'X', /^connections to 127\.0\.0\.1:\d+$/)[0]?.cat, 'io');
        assert.equal(named(file, 'X', /^connecting descriptor \d+$/)[0]?.cat, 'io');
      }
      assert.equal(named(file, 'X', 'Client.connectionMade')[0]?.cat, 'callback');
      assert.ok(named(file, 'X', 'protocol.connectionLost').length >= 1);
      assert.deepEqual(named(file, 'X', /^<|^$|object/i), []);
      assert.equal(named(file, 'i', /^opened server /).length, 1);
      assert.ok(named(file, 'i', /^opened transport /).length >= 1);
      const steps = named(file, 'X', 'generator');
      assert.ok(steps.length >= 2);
      assert.equal(steps[0]?.cat, 'step');
      assert.equal(new Set(steps.map(({ args }) => args?.['task'])).size, 1);
      assert.equal(named(file, 'b', 'generator')[0]?.args?.['coroutine'], 'nap');
      assert.ok(named(file, 'X', 'async').length >= 2, 'an async function goes on in steps too');
      assert.equal(named(file, 'b', 'gather of 2').length, 1);
      const begun = named(file, 'b', 'gather of 2')[0]?.ts ?? Number.NaN;
      assert.ok((named(file, 'e', 'gather of 2')[0]?.ts ?? 0) >= begun + 1000, 'microseconds');
    }));

  it('begins and ends while tasks live: they are there from its start to its end', () =>
    run(function* main() {
      const waiting = createTask(() => sleep(3_600_000), { name: 'waiting' });
      yield;
      yield;
      const trace = startTrace();
      yield;
      const file = trace.stop();
      assertWellFormed(file);
      assert.equal(named(file, 'b', 'waiting').length, 1);
      assert.equal(named(file, 'e', 'waiting').length, 1);
      assert.equal(trace.stop(), file);
      waiting.cancel();
      yield;
      assert.equal(trace.stop().traceEvents.length, file.traceEvents.length);
    }));

  it('is well-formed for tasks that are cancelled, fail and start others', () =>
    run(function* () {
      using trace = startTrace();
      const outer = createTask(() =>
        taskGroup(async (group) => {
          group.createTask(() => sleep(3_600_000));
          group.createTask(async () => {
            await Promise.all([sleep(1), sleep(2)]);
            throw new Error('fails');
          });
        }),
      );
      yield* gather([outer], { returnExceptions: true });
      assertWellFormed(trace.stop());
    }));

  it('keeps as many events as wished, and counts the others', () =>
    run(function* () {
      const trace = startTrace(undefined, { eventsMax: 10 });
      for (let turn = 0; turn < 50; turn++) yield;
      const file = trace.stop();
      assertWellFormed(file);
      assert.ok(file.traceEvents.length < 20);
      assert.ok(Number(file.otherData['eventsDropped']) >= 40);
    }));

  it('is of one loop, and a loop of ours', async () => {
    assert.throws(() => startTrace(), StateError);
    assert.throws(() => startTrace({} as EventLoop), { code: 'ERR_NOT_SUPPORTED' });
    await run(function* () {
      const loop = getRunningLoop() as EventLoop & { observer: unknown };
      const traces = [startTrace(), startTrace()];
      yield;
      for (const trace of traces) assertWellFormed(trace.stop());
      assert.equal(loop.observer, null);
    });
  });
});
