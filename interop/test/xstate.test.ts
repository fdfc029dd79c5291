import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { CancelledError, createTask, sleep } from 'tulipa';
import { fromTask, futureFrom, loopClock } from 'tulipa/adapters/xstate';
import { createActor, createMachine, fromPromise, setup } from 'xstate';
import { assertRejects } from '../assert-rejects.ts';
import { row } from '../cells.ts';

const lights = createMachine({
  initial: 'green',
  states: {
    green: { after: { 4: 'yellow' } },
    yellow: { after: { 2: 'red' } },
    red: { type: 'final' },
  },
  output: 'stopped',
});

row('xstate', {}, (it) => {
  it('delays transitions by the loop', function* (loop) {
    const begun = loop.time();
    const actor = createActor(lights, { clock: loopClock() });
    const states: unknown[] = [];
    actor.subscribe((snapshot) => states.push(snapshot.value));
    assert.equal(yield* futureFrom(actor.start()), 'stopped');
    assert.deepEqual(states, ['green', 'yellow', 'red'].slice(-states.length));
    assert.ok(states.length >= 2);
    const took = loop.time() - begun;
    assert.ok(took >= 6, `${took}`);
    assert.equal(yield* futureFrom(actor), 'stopped');
  });

  it('takes back delays of states that are left', function* (loop) {
    const machine = createMachine({
      initial: 'waiting',
      states: {
        waiting: { after: { 1000: 'late' }, on: { go: 'gone' } },
        late: {},
        gone: {},
      },
    });
    const actor = createActor(machine, { clock: loopClock() }).start();
    actor.send({ type: 'go' });
    yield* sleep(1);
    assert.equal(actor.getSnapshot().value, 'gone');
    actor.stop();
    yield* assertRejects(futureFrom(actor), CancelledError);
    assert.equal(loop.isRunning(), true);
  });

  it('has tasks as actors, and passes errors on', function* () {
    const doubled = fromTask<number, number>(function* ({ input }) {
      yield* sleep(1);
      return input * 2;
    });
    assert.equal(yield* futureFrom(createActor(doubled, { input: 21 }).start()), 42);
    const wrong = new Error('wrong');
    const failing = fromTask<never>(async () => {
      await sleep(1);
      throw wrong;
    });
    yield* assertRejects(futureFrom(createActor(failing).start()), wrong);
    const plain = fromPromise(async () => await sleep(1, 'promise'));
    assert.equal(yield* futureFrom(createActor(plain).start()), 'promise');
  });

  it('cancels the task when the state that invokes it is left', function* () {
    const seen: string[] = [];
    const machine = setup({
      actors: {
        work: fromTask<void>(function* () {
          try {
            yield* sleep(1_000);
          } finally {
            seen.push('cancelled');
          }
        }),
      },
    }).createMachine({
      initial: 'working',
      states: { working: { invoke: { src: 'work' }, on: { stop: 'idle' } }, idle: {} },
    });
    const actor = createActor(machine, { clock: loopClock() }).start();
    yield* sleep(1);
    actor.send({ type: 'stop' });
    yield* sleep(1);
    assert.deepEqual(seen, ['cancelled']);
    actor.stop();
  });

  it('stops the actor when the task that waits for it is cancelled', function* () {
    const actor = createActor(createMachine({}), { clock: loopClock() }).start();
    const task = createTask(function* () {
      yield* futureFrom(actor);
    });
    yield* sleep(1);
    task.cancel();
    yield* assertRejects(task, CancelledError);
    assert.equal(actor.getSnapshot().status, 'stopped');
  });

  it('keeps the stores of AsyncLocalStorage over a delay, and behind the await', async () => {
    const storage = new AsyncLocalStorage<string>();
    await storage.run('ours', async () => {
      const seen: unknown[] = [];
      const actor = createActor(lights, { clock: loopClock() });
      actor.subscribe({ complete: () => seen.push(storage.getStore()) });
      await futureFrom(actor.start());
      seen.push(storage.getStore());
      assert.deepEqual(seen, ['ours', 'ours']);
    });
  });
});
