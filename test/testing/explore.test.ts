import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { describe, it } from 'node:test';
import { createTask, sleep } from '../../src/coroutines/index.ts';
import { openConnection, startServer } from '../../src/streams/index.ts';
import { Lock } from '../../src/sync/index.ts';
import { describeDeviation } from '../../src/testing/deviations.ts';
import {
  ExplorationError,
  type ExploreOptions,
  type ExploreProgress,
  explore,
  type Simulation,
  SimulationError,
} from '../../src/testing/index.ts';
import { type EndedProgram, runToEnd } from '../support/run-to-end.ts';
import { lostUpdate, lostWakeUp, twoLostUpdates } from './planted-races.ts';
import { interleavings } from './toy-runs.ts';

async function failureOf(options: ExploreOptions): Promise<ExplorationError> {
  const error: unknown = await explore(options).then(
    () => assert.fail('it should have failed'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof ExplorationError)) throw error;
  return error;
}

const told = (error: ExplorationError) => error.deviations.map(describeDeviation);

/** With that token in the environment, and without what is printed then. */
async function replaying<T>(token: string, body: () => Promise<T>): Promise<{ result: T; printed: string }> {
  const { write } = process.stderr;
  let printed = '';
  process.env['TULIPA_SEED'] = token;
  process.stderr.write = (text: string | Uint8Array) => {
    printed += text;
    return true;
  };
  try {
    return { result: await body(), printed };
  } finally {
    process.stderr.write = write;
    delete process.env['TULIPA_SEED'];
  }
}

describe('an exploration', () => {
  it('runs every seed, and says how much that was', async () => {
    const seeds: number[] = [];
    const report = await explore({
      seeds: { from: 5, count: 20 },
      *scenario(sim) {
        seeds.push(sim.seed);
        yield* sleep(100);
      },
    });
    assert.deepEqual(
      seeds,
      Array.from({ length: 20 }, (_, i) => 5 + i),
    );
    const { wallTime, turns, ...rest } = report;
    assert.deepEqual(rest, { runs: 20, virtualTime: 2_000, exhaustive: null, replayed: false });
    assert.ok(wallTime > 0 && turns >= 40);
  });

  it('finds an update that is lost, and the one choice that it takes', async () => {
    const error = await failureOf({ scenario: lostUpdate, seeds: 100 });
    assert.match((error.cause as Error).message, /^Updates were lost: 1 of 2/);
    assert.equal(error.deviations.length, 1);
    assert.ok(error.deviationsBefore > 5);
    assert.equal(error.shrinking, 'minimal');
    assert.match(told(error)[0] ?? '', /^order of tasks on test #\d+: task \d later before task \d earlier/);
    assert.match(error.message, /^Cannot complete the scenario with seed \d+: Error: Updates were lost/);
    assert.match(
      error.message,
      /It takes 1 of the \d+ choices that were not plain \(\d+ runs\):\n {2}order of/,
    );
    assert.match(error.message, /The last of what happened:\n(?: {2}.*\n)+Again:\n {2}TULIPA_SEED=/);
    assert.ok(error.message.includes(error.trace.trimEnd().split('\n')[0] as string));
  });

  it('finds what takes two choices, and no more than these', async () => {
    const error = await failureOf({ scenario: twoLostUpdates, seeds: 200 });
    assert.equal(error.deviations.length, 2, told(error).join('; '));
    assert.equal(error.shrinking, 'minimal');
  });

  it('finds a wake-up that is lost, and says who waits', async () => {
    const error = await failureOf({ scenario: lostWakeUp, seeds: 100 });
    assert.ok(error.cause instanceof SimulationError);
    assert.equal(error.cause.code, 'ERR_DEADLOCK');
    assert.match(
      error.message,
      /^Cannot complete .*: SimulationError: Cannot finish .*\n {2}[\s\S]*waiter[\s\S]*\nIt takes 1 of/,
    );
    assert.equal(error.deviations.length, 1);
    assert.match(told(error)[0] ?? '', /waker before task \d waiter/);
  });

  it('finds races of async functions too', async () => {
    const error = await failureOf({
      seeds: 100,
      async scenario() {
        let total = 0;
        const add = async (delay: number) => {
          for (let i = 0; i < delay; i++) await sleep(0);
          const before = total;
          await sleep(0);
          total = before + 1;
        };
        const tasks = [createTask(() => add(0)), createTask(() => add(1))];
        for (const task of tasks) await task;
        assert.equal(total, 2);
      },
    });
    assert.equal(error.shrinking, 'minimal');
    assert.equal(error.deviations.length, 1, told(error).join('; '));
  });

  it('finds nothing in the order in which tasks became ready', async () => {
    for (const scenario of [lostUpdate, lostWakeUp]) {
      const { runs } = await explore({ scenario, seeds: 50, order: 'queued' });
      assert.equal(runs, 50);
    }
  });

  it('finds nothing where there is nothing', async () => {
    const { runs } = await explore({
      seeds: 200,
      *scenario() {
        let total = 0;
        const lock = new Lock();
        const add = function* () {
          yield* lock.acquire();
          const before = total;
          yield;
          total = before + 1;
          lock.release();
        };
        for (const task of [createTask(add), createTask(add), createTask(add)]) yield* task;
        assert.equal(total, 3);
      },
    });
    assert.equal(runs, 200);
  });

  it('finds a race over the network, and which messages were late', async () => {
    const error = await failureOf({
      seeds: 300,
      link: { latency: { min: 1, max: 20 } },
      *scenario(sim) {
        let total = 0;
        sim.host('server', function* () {
          const server = yield* startServer(
            function* (reader, writer) {
              for (;;) {
                const line = yield* reader.readLine();
                const text = new TextDecoder().decode(line).trim();
                if (text === '') return;
                if (text !== 'read') total = Number(text);
                yield* writer.write(`${total}\n`);
              }
            },
            { host: '0.0.0.0', port: 7000 },
          );
          yield* server.serveForever();
        });
        yield* sleep(1);
        const add = (name: string, delay: number) =>
          sim.host(name, function* () {
            yield* sleep(delay);
            const { reader, writer } = yield* openConnection({ host: 'server', port: 7000 });
            yield* writer.write('read\n');
            const before = Number(new TextDecoder().decode(yield* reader.readLine()));
            yield* writer.write(`${before + 1}\n`);
            yield* reader.readLine();
            writer.close();
          });
        const adding = [add('anna', 0), add('bert', 50)];
        for (const host of adding) yield* host.finished;
        assert.equal(total, 2);
      },
    });
    assert.equal(error.shrinking, 'minimal');
    assert.ok(error.deviations.length <= 4, told(error).join('; '));
    assert.ok(error.deviations.every(({ kind }) => kind === 'network'));
    for (const line of told(error)) assert.match(line, /^network: latency \w+ → \w+ #\d+: [\d.]+ ms$/);
  });

  it('stops at the first failure, and leaves it as it is where it is not to be made simpler', async () => {
    let runs = 0;
    const error = await failureOf({
      seeds: 100,
      shrink: false,
      *scenario(sim) {
        runs++;
        yield;
        if (sim.seed === 7) throw new RangeError('seven');
      },
    });
    assert.equal(error.seed, 7);
    assert.equal(error.token, '7');
    assert.equal(error.shrinking, 'none');
    // Once more to see what it chooses, and once more for the trace.
    assert.equal(runs, 10);
  });

  it('says that a failure needs no choices at all', async () => {
    const error = await failureOf({
      *scenario() {
        for (const task of [createTask(sleep(1)), createTask(sleep(1))]) yield* task;
        throw new Error('always');
      },
    });
    assert.deepEqual(error.deviations, []);
    assert.match(error.message, /It fails in the plain course too/);
  });

  it('says that something decides which the seed does not', async () => {
    let runs = 0;
    const error = await failureOf({
      *scenario() {
        yield;
        if (++runs === 3) throw new Error('the third time');
      },
    });
    assert.equal(error.shrinking, 'lost');
    assert.equal(error.token, '2');
    assert.match(error.message, /something decides that the seed does not/);
  });

  it('does not slip into another failure while it makes one simpler', async () => {
    const both = function* (sim: Simulation) {
      let order = '';
      const add = (letter: string) =>
        createTask(function* () {
          yield;
          order += letter;
        });
      for (const task of [add('a'), add('b'), add('c')]) yield* task;
      if (order === 'cab') throw new TypeError('one');
      if (order.startsWith('c')) throw new Error('another');
      if (order === 'abc') throw new Error('plain');
      assert.ok(sim.time === 0);
    };
    const seeds: number[] = [];
    for (let seed = 0; seeds.length < 3; seed++) {
      const error = await failureOf({ scenario: both, seeds: { from: seed, count: 1000 } });
      seeds.push(seed);
      seed = error.seed;
      const { message } = error.cause as Error;
      if (message === 'plain') assert.equal(error.deviations.length, 0);
      else assert.ok(error.deviations.length > 0, message);
    }
    const any = await failureOf({ scenario: both, seeds: 1000, sameFailure: () => true });
    assert.equal(any.deviations.length, 0);
  });

  it('says where its bounds kept it from making more of it', async () => {
    const error = await failureOf({ scenario: twoLostUpdates, seeds: 200, shrink: { attemptsMax: 3 } });
    assert.equal(error.shrinking, 'bounded');
    assert.equal(error.attempts, 3);
    assert.match(error.message, /3 runs; fewer may do/);
  });

  it('lets the process go on between runs, and can be ended there', async () => {
    let others = 0;
    const timer = setInterval(() => others++, 1);
    const controller = new AbortController();
    const progress: ExploreProgress[] = [];
    setTimeout(() => controller.abort(new Error('that will do')), 50);
    await assert.rejects(
      explore({
        seeds: 1_000_000,
        signal: controller.signal,
        onProgress: (step) => progress.push(step),
        *scenario() {
          yield* sleep(10);
        },
      }),
      /that will do/,
    );
    clearInterval(timer);
    assert.ok(others > 5, `${others}`);
    const last = progress.at(-1) as ExploreProgress;
    assert.deepEqual(last, {
      done: progress.length,
      total: 1_000_000,
      seed: progress.length - 1,
      virtualTime: progress.length * 10,
    });
  });

  it('refuses what makes no sense', async () => {
    const scenario = function* () {};
    for (const [options, expected] of [
      [{}, TypeError],
      [{ scenario: 1 }, TypeError],
      [{ scenario, seeds: 0 }, RangeError],
      [{ scenario, seeds: 1.5 }, RangeError],
      [{ scenario, seeds: { from: -1, count: 1 } }, RangeError],
      [{ scenario, exhaustive: { runsMax: 0 } }, RangeError],
      [{ scenario, exhaustive: { kinds: ['random'] } }, RangeError],
      [{ scenario, shrink: { attemptsMax: Number.NaN } }, RangeError],
      [{ scenario, faults: { crash: -1 } }, RangeError],
      [{ scenario, faults: { hosts: 'a' } }, TypeError],
    ] as [object, typeof TypeError][]) {
      await assert.rejects(explore(options as ExploreOptions), expected);
    }
  });
});

describe('an exhaustive exploration', () => {
  /** Tasks of so many steps, all ready at once. */
  async function orders(tasks: number, steps: number) {
    const seen = new Set<string>();
    const report = await explore({
      exhaustive: true,
      *scenario() {
        let order = '';
        const step = (letter: string) =>
          createTask(function* () {
            for (let i = 0; i < steps; i++) {
              if (i > 0) yield;
              order += letter;
            }
          });
        const started = ['a', 'b', 'c', 'd'].slice(0, tasks).map(step);
        for (const task of started) yield* task;
        seen.add(order);
      },
    });
    assert.equal(seen.size, report.runs, 'no course is run twice');
    return report;
  }

  // Of two tasks of k steps there are (2k)! / (k! k!) orders. A loop gives fewer: in each of its turns every task that was
  // ready goes on once, so that only the order within turns is left to choose.
  it('runs each order in which tasks can go on within the turns of their loop: n! to the power of k', async () => {
    for (const [tasks, steps, count] of [
      [2, 1, 2],
      [2, 2, 4],
      [2, 5, 32],
      [3, 1, 6],
      [3, 2, 36],
      [3, 3, 216],
      [4, 2, 576],
    ] as const) {
      const { runs, exhaustive } = await orders(tasks, steps);
      assert.equal(runs, count, `${tasks} tasks of ${steps} steps`);
      assert.equal(exhaustive?.complete, true);
      assert.equal(exhaustive?.deepest, (tasks - 1) * steps);
    }
  });

  it('runs hosts in each order in which their turns can follow each other', async () => {
    for (const steps of [1, 2, 3]) {
      const seen = new Set<string>();
      const { exhaustive } = await explore({
        exhaustive: true,
        *scenario(sim) {
          let order = '';
          const hosts = ['a', 'b'].map((letter) =>
            sim.host(letter, function* () {
              for (let i = 0; i < steps; i++) {
                if (i > 0) yield;
                order += letter;
              }
              yield* sleep(1);
            }),
          );
          yield* sleep(0.5);
          seen.add(order);
          for (const host of hosts) host.crash();
        },
      });
      assert.equal(exhaustive?.complete, true);
      assert.equal(seen.size, interleavings(steps));
    }
  });

  it('proves that a program does not fail, in any order', async () => {
    const { runs, exhaustive } = await explore({
      exhaustive: true,
      *scenario() {
        let total = 0;
        const lock = new Lock();
        const add = function* () {
          yield* lock.acquire();
          const before = total;
          yield;
          total = before + 1;
          lock.release();
        };
        for (const task of [createTask(add), createTask(add), createTask(add)]) yield* task;
        assert.equal(total, 3);
      },
    });
    assert.ok(runs > 1);
    assert.equal(exhaustive?.complete, true);
  });

  it('finds a failure with as few choices as any, and how to have it again', async () => {
    for (const [scenario, count] of [
      [lostUpdate, 1],
      [lostWakeUp, 1],
      [twoLostUpdates, 2],
    ] as const) {
      const error = await failureOf({ scenario, exhaustive: { runsMax: 50_000 } });
      assert.equal(error.deviationsBefore, count);
      assert.equal(error.deviations.length, count);
      const { result, printed } = await replaying(error.token, () => failureOf({ scenario }));
      assert.deepEqual(told(result), told(error));
      assert.match(printed, /^Replayed 0:/);
    }
  });

  it('says that there are more courses than it may run', async () => {
    const { exhaustive, runs } = await explore({
      exhaustive: { runsMax: 10 },
      *scenario() {
        for (const task of [1, 2, 3, 4].map(() => createTask(() => sleep(0)))) yield* task;
      },
    });
    assert.equal(runs, 10);
    assert.equal(exhaustive?.complete, false);
  });
});

describe('a replay', () => {
  it('of a token is the course that failed, and prints its trace', async () => {
    const error = await failureOf({ scenario: lostUpdate, seeds: 100 });
    const { result, printed } = await replaying(error.token, () =>
      failureOf({ scenario: lostUpdate, seeds: 100 }),
    );
    assert.equal((result.cause as Error).message, (error.cause as Error).message);
    assert.equal(result.token, error.token);
    assert.deepEqual(result.deviations, error.deviations);
    assert.equal(result.trace, error.trace);
    assert.match(result.message, /With these choices, and all others plain:\n {2}order of tasks/);
    assert.ok(printed.includes(error.trace.trimEnd().split('\n').at(-1) as string));
  });

  it('of a seed is its course, and nothing else is run', async () => {
    const seeds: number[] = [];
    const { result, printed } = await replaying('42', () =>
      explore({
        seeds: 10,
        *scenario(sim) {
          seeds.push(sim.seed);
          yield* sleep(1);
        },
      }),
    );
    assert.deepEqual(seeds, [42]);
    assert.equal(result.replayed, true);
    assert.match(printed, /^Replayed 42: it ends well\n[\s\S]*task 1/);
  });

  it('of what was never printed is refused', async () => {
    await assert.rejects(
      replaying('42:nonsense', () => explore({ scenario: lostUpdate })),
      { name: 'ReplayTokenError', code: 'ERR_REPLAY_TOKEN' },
    );
  });
});

describe('the command that is printed with a failure', () => {
  const program = 'test/support/programs/exploring.ts';
  // A process of node:test's own would report in another way.
  const env = { NODE_TEST_CONTEXT: '', TULIPA_SEED: '' };

  function runInShell(command: string): Promise<Pick<EndedProgram, 'stdout' | 'stderr' | 'code'>> {
    return new Promise((resolve, reject) => {
      const child = spawn('/bin/sh', ['-c', command], {
        env: { ...process.env, NODE_TEST_CONTEXT: '' },
        stdio: ['ignore', 'pipe', 'pipe'],
        timeout: 30_000,
        killSignal: 'SIGKILL',
      });
      let stdout = '';
      let stderr = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
      child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
      child.on('error', reject);
      child.on('close', (code) => resolve({ stdout, stderr, code }));
    });
  }

  const commandIn = (text: string): string => /^ *(TULIPA_SEED=.*)$/m.exec(text)?.[1] ?? assert.fail(text);
  const lineIn = (text: string): string => /^ *(order of tasks on .*)$/m.exec(text)?.[1] ?? assert.fail(text);

  it('replays it in a new process: a script', async () => {
    const first = await runToEnd(program, ['script'], { env });
    assert.equal(first.code, 3, first.stderr);
    const command = commandIn(first.stdout);
    const again = await runInShell(command);
    assert.equal(again.code, 3, again.stderr);
    assert.match(again.stderr, /^Replayed \d+:/);
    assert.equal(lineIn(again.stdout), lineIn(first.stdout));
    assert.equal(commandIn(again.stdout), command);
  });

  it('replays it in a new process: one test of node:test, and no other one', async () => {
    const first = await runToEnd(program, ['tests'], { env });
    assert.equal(first.code, 1, first.stderr);
    assert.match(first.stdout, /runs: loses an update \(sometimes\)[\s\S]*runs: loses a wake-up/);
    const command = commandIn(first.stdout);
    const again = await runInShell(command);
    assert.equal(again.code, 1, again.stderr);
    assert.match(again.stdout, /runs: loses an update \(sometimes\)/);
    assert.doesNotMatch(again.stdout, /runs: loses a wake-up/);
    assert.match(again.stderr, /Replayed \d+:/);
    assert.equal(lineIn(again.stdout), lineIn(first.stdout));
  });
});
