import assert from 'node:assert/strict';
import { extname } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  type Coroutine,
  coroutine,
  Future,
  gather,
  openConnection,
  type RunnerOptions,
  run,
  type ServedWorkers,
  type ServeWorkersOptions,
  serveWorkers,
  type WorkerFailure,
} from 'tulipa';
import { listDrivers } from '../../src/runtime/index.ts';

const servers = new URL(`./servers${extname(fileURLToPath(import.meta.url))}`, import.meta.url);
const host = '127.0.0.1';

const ask = coroutine(function* (port: number, line: string) {
  const { reader, writer } = yield* openConnection({ host, port });
  try {
    writer.write(`${line}\n`);
    return String.fromCharCode(...(yield* reader.readLine())).trim();
  } finally {
    writer.close();
  }
});

function serve<Data>(options: ServeWorkersOptions<Data>): Coroutine<ServedWorkers> {
  return serveWorkers(servers, { host, workers: 2, ...options });
}

const epoll = listDrivers().find(({ name }) => name === 'epoll')?.unavailable === null;
const skip = epoll ? false : 'there is no epoll here';

const parents: [string, RunnerOptions][] = [
  ['a guest of Node', { driver: 'node' }],
  ['a guest by epoll', { driver: 'epoll', runner: 'guest' }],
  ['one that blocks its thread', { driver: 'epoll', runner: 'blocking' }],
];

for (const [kind, options] of parents) {
  describe(`serveWorkers in a loop that is ${kind}`, { skip }, () => {
    it('spreads connections to one port over all workers', () =>
      run(function* () {
        const serving = yield* serve({ workers: 3 });
        assert.equal(serving.serving, 3);
        const seen = new Map<string, number>();
        for (let batch = 0; batch < 20; batch++) {
          const answers = yield* gather(Array.from({ length: 20 }, () => ask(serving.port, 'who')));
          for (const answer of answers) seen.set(answer, (seen.get(answer) ?? 0) + 1);
        }
        yield* serving.stop();
        assert.equal(serving.serving, 0);
        assert.deepEqual([...seen.keys()].map((answer) => answer[0]).sort(), ['0', '1', '2']);
        // By chance a third each: fewer than 60 of 400 would be one in many billions.
        for (const [answer, count] of seen) assert.ok(count >= 60, `${answer}: ${count}`);
        assert.equal(new Set([...seen.keys()].map((answer) => answer.split(' ')[1])).size, 3);
      }, options));

    it('reports a worker that ends, and starts another one in its place', () =>
      run(function* () {
        const failed = new Future<WorkerFailure>();
        const serving = yield* serve({
          name: 'obedient',
          data: 'here',
          workers: 1,
          onFailure: (failure) => failed.setResult(failure),
        });
        yield* gather([ask(serving.port, 'throw')], { returnExceptions: true });
        const { index, error } = yield* failed;
        assert.equal(index, 0);
        assert.match(String(error.cause), /RangeError: of a worker/);
        for (;;) {
          const [answer] = yield* gather([ask(serving.port, 'who')], { returnExceptions: true });
          if (answer === '0 here') break;
        }
        yield* serving.stop();
      }, options));

    it('lets connections go on for the grace that stop is given, and no longer', () =>
      run(function* () {
        const serving = yield* serve({ name: 'obedient', data: 'done' });
        const { reader, writer } = yield* openConnection({ host, port: serving.port });
        writer.write('slow\n');
        yield* reader.readLine();
        const stopped = gather([serving.stop({ grace: 60_000 })]);
        writer.write('go on\n');
        assert.match(String.fromCharCode(...(yield* reader.readLine())), /^\d done\n$/);
        writer.close();
        yield* stopped;

        const hasty = yield* serve({ name: 'obedient' });
        const other = yield* openConnection({ host, port: hasty.port });
        other.writer.write('wait\n');
        yield* other.reader.readLine();
        yield* hasty.stop({ grace: 1 });
        assert.equal(hasty.serving, 0);
        other.writer.close();
      }, options));

    it('fails with what a worker has thrown before it served', () =>
      run(function* () {
        for (const [name, cause] of [
          ['failing', /RangeError: of worker [01]/],
          ['nothing', /TypeError: Cannot serve/],
          ['absent', /exports no function named absent/],
        ] as const) {
          const [error] = yield* gather([serve({ name })], { returnExceptions: true });
          assert.match(String((error as Error).cause), cause);
        }
      }, options));
  });
}

describe('serveWorkers', { skip }, () => {
  it('loses no request when it is stopped: who gets a connection gets an answer', () =>
    run(function* () {
      const serving = yield* serve({ backlog: 1000 });
      let answered = 0;
      let stopped: unknown = null;
      const outcomes = yield* gather(
        Array.from({ length: 8 }, () =>
          coroutine(function* () {
            for (;;) {
              let connection: Awaited<ReturnType<typeof openConnection>>;
              try {
                connection = yield* openConnection({ host, port: serving.port });
              } catch {
                return; // refused: nobody took it, nothing is lost
              }
              connection.writer.write('who\n');
              const line = yield* connection.reader.readLine();
              connection.writer.close();
              assert.ok(line.length > 0);
              if (++answered === 400) stopped = gather([serving.stop({ grace: 30_000 })]);
            }
          })(),
        ),
        { returnExceptions: true },
      );
      yield* stopped as Future<unknown>;
      assert.deepEqual(
        outcomes.filter((outcome) => outcome !== undefined),
        [],
      );
      assert.ok(answered >= 400);
    }));

  it('ends its workers with the run', () =>
    run(function* () {
      yield* serve({});
    }));

  it('refuses what is no number of workers and no absolute URL', () => {
    for (const workers of [0, -1, 1.5, Number.NaN])
      assert.throws(() => serveWorkers(servers, { workers }), RangeError);
    assert.throws(() => serveWorkers('./servers.ts'), TypeError);
  });
});
