import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import {
  ContextVar,
  Future,
  getRunningLoop,
  newEventLoop,
  RemoteCaller,
  type RunnerOptions,
  run,
  StateError,
  ThreadsafeCaller,
} from 'tulipa';
import { listDrivers } from '../../src/runtime/index.ts';
import type { CallingTask } from '../support/programs/calling-threads.ts';
import { programCommand } from '../support/run-program.ts';

type Call = [n: number, bytes: Uint8Array | null];
type Caller = ThreadsafeCaller<Call>;

function startThread(caller: Caller, way: CallingTask['way'], count = 0): { gate: Int32Array } {
  const { args } = programCommand('test/support/programs/calling-threads.ts');
  const ticket = caller.createTicket();
  const gate = new Int32Array(new SharedArrayBuffer(4));
  const workerData: CallingTask = { ticket, way, count, gate };
  new Worker(args.at(-1) as string, {
    execArgv: args.slice(0, -1),
    workerData,
    transferList: [ticket.port],
  });
  return { gate };
}

const kinds: [string, RunnerOptions][] = [
  ['of the node driver', { driver: 'node' }],
  ['that is a guest by epoll', { driver: 'epoll', runner: 'guest' }],
  ['that blocks its thread in epoll', { driver: 'epoll', runner: 'blocking' }],
  ['that blocks its thread in poll', { driver: 'poll', runner: 'blocking' }],
];

for (const [kind, options] of kinds) {
  const works = listDrivers().find(({ name }) => name === options.driver)?.unavailable === null;
  describe(`a ThreadsafeCaller of a loop ${kind}`, { skip: works ? false : 'not available here' }, () => {
    it('is called from other threads, which wakes the loop, in the order of each (B-EV-002)', () =>
      run(function* () {
        const calls: number[][] = [[], [], []];
        const all = new Future<void>();
        const callers = calls.map((list) => {
          const caller: Caller = new ThreadsafeCaller<Call>((n) => {
            list.push(n);
            if (calls.every(({ length }) => length === 2_000)) all.setResult();
          });
          startThread(caller, 'count', 2_000);
          return caller;
        });
        yield* all;
        for (const list of calls)
          assert.deepEqual(
            list,
            Array.from({ length: 2_000 }, (_, n) => n),
          );
        for (const caller of callers) caller.close();
      }, options));

    it('takes calls of several threads by several tickets', () =>
      run(function* () {
        let calls = 0;
        const all = new Future<void>();
        const caller: Caller = new ThreadsafeCaller<Call>(() => {
          if (++calls === 3_000) all.setResult();
        });
        for (let threads = 0; threads < 3; threads++) startThread(caller, 'count', 1_000);
        yield* all;
        caller.close();
      }, options));

    it('is given bytes that were moved, not copied, if the thread says so', () =>
      run(function* () {
        const got: unknown[] = [];
        const both = new Future<void>();
        const caller: Caller = new ThreadsafeCaller<Call>((n, bytes) => {
          got.push(bytes ?? n);
          if (got.length === 2) both.setResult();
        });
        startThread(caller, 'bytes');
        yield* both;
        assert.deepEqual(got, [new Uint8Array([1, 2, 3]), 0]);
        caller.close();
      }, options));

    it('has the last call of a thread that ends with it', () =>
      run(function* () {
        const called = new Future<number>();
        const caller: Caller = new ThreadsafeCaller<Call>((n) => called.setResult(n));
        startThread(caller, 'exit');
        assert.equal(yield* called, 0);
        caller.close();
      }, options));

    it('refuses calls after it was closed, and forgets those on their way', () =>
      run(function* () {
        const caller: Caller = new ThreadsafeCaller<Call>(() => assert.fail('called'));
        const { gate } = startThread(caller, 'wait');
        const remote = new RemoteCaller(caller.createTicket());
        remote.call(1, null);
        caller.close();
        caller.close();
        assert.equal(caller.closed && remote.closed, true);
        assert.throws(() => remote.call(1, null), StateError);
        assert.throws(() => caller.createTicket(), StateError);
        Atomics.store(gate, 0, 1);
        Atomics.notify(gate, 0);
        Atomics.wait(gate, 0, 1);
        assert.equal(Atomics.load(gate, 0), 2);
        remote.close();
      }, options));

    it('calls back in the context in which it was made, and reports what the callback throws', () =>
      run(function* () {
        const variable = new ContextVar<string>('where');
        const reported = new Future<unknown>();
        getRunningLoop().setExceptionHandler((_, { exception }) => reported.setResult(exception));
        variable.set('made');
        const caller = new ThreadsafeCaller(() => {
          throw new Error(variable.get());
        });
        variable.set('later');
        const remote = new RemoteCaller(caller.createTicket());
        remote.call();
        assert.match(String(yield* reported), /made/);
        remote.close();
        caller.close();
      }, options));

    it('is of no use to other threads when its loop is closed', async () => {
      let remote: RemoteCaller<[]> | null = null;
      let kept: ThreadsafeCaller<[]> | null = null;
      await run(async () => {
        kept = new ThreadsafeCaller(() => assert.fail('called'));
        remote = new RemoteCaller(kept.createTicket());
      }, options);
      const caller = kept as unknown as ThreadsafeCaller<[]>;
      if (options.driver !== 'node') assert.equal((remote as unknown as RemoteCaller<[]>).closed, true);
      assert.throws(() => caller.createTicket(), { code: 'ERR_LOOP_CLOSED' });
      caller.close();
    });

    it('keeps the program alive only with a reference', () =>
      run(function* () {
        const caller = new ThreadsafeCaller(() => {});
        caller.createTicket();
        assert.equal(caller.hasRef(), true);
        assert.equal(caller.unref().hasRef(), false);
        assert.equal(caller.ref().hasRef(), true);
        caller.close();
        caller.unref();
      }, options));
  });
}

describe('ThreadsafeCaller', () => {
  it('needs a callback and a loop; a RemoteCaller needs a ticket', () => {
    const loop = newEventLoop();
    assert.throws(() => new ThreadsafeCaller(undefined as unknown as () => void, { loop }), TypeError);
    assert.throws(() => new ThreadsafeCaller(() => {}), StateError);
    assert.throws(() => new RemoteCaller({} as never), TypeError);
    loop.close();
  });
});
