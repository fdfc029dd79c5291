/**
 * Random schedules: tasks in both spellings acquire, put, get and wait, are cancelled whole or by a timeout, several
 * things may happen in one turn. Whatever happened, at the end nobody sleeps who could go on, nothing is held, nothing
 * was lost or doubled, and nobody was overtaken.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createTask, type Future, sleep, type Task, timeout } from '../../src/coroutines/index.ts';
import { CancelledError, type Suspension, TimeoutError } from '../../src/interface/index.ts';
import {
  Barrier,
  BoundedSemaphore,
  Condition,
  Event,
  LifoQueue,
  Lock,
  openMemoryChannel,
  PriorityQueue,
  Queue,
  Semaphore,
} from '../../src/sync/index.ts';
import { propertyRuns } from '../support/property-runs.ts';
import { runSimulated, taskOrder } from '../support/simulated.ts';
import { settle } from './in-loop.ts';

// By default fast-check makes most arrays far shorter than they may be.
const length = { maxLength: 60, size: 'max' } as const;

type Steps = Generator<Suspension, void, unknown>;

/** A task that can be ended from outside in two ways. */
interface Worker {
  readonly task: Task<unknown>;
  /** Lets its timeout strike at its next chance. */
  expire(): void;
}

type Spelling = 'yield*' | 'await';

/** Starts `steps` in a task of either spelling, inside a timeout that strikes when it is told to. */
function start(spelling: Spelling, steps: { yield: () => Steps; await: () => Promise<void> }): Worker {
  let expire = () => {};
  const task =
    spelling === 'yield*'
      ? createTask(() =>
          timeout(null, function* (scope) {
            expire = () => scope.reschedule(0);
            yield* steps.yield();
          }),
        )
      : createTask(async () => {
          await timeout(null, async (scope) => {
            expire = () => scope.reschedule(0);
            await steps.await();
          });
        });
  // Its end is looked at later; until then it is not lost.
  task.addDoneCallback((done) => void (done.cancelled() || done.exception()));
  return {
    task,
    expire: () => {
      if (!task.done()) tryTo(expire, 'ERR_SCOPE_STATE');
    },
  };
}

function tryTo(action: () => void, ...codes: string[]): boolean {
  try {
    action();
    return true;
  } catch (error) {
    if (!codes.includes((error as { code: string }).code)) throw error;
    return false;
  }
}

/** How it ended: true with a result, false by having been stopped. */
function succeeded({ task }: Worker): boolean {
  assert.equal(task.done(), true, String(task));
  if (task.cancelled()) return false;
  const exception = task.exception();
  if (exception === null) return true;
  assert.ok(exception instanceof TimeoutError || exception instanceof CancelledError, String(exception));
  return false;
}

/** A choice that fits however many there are. */
function pick<T>(all: readonly T[], choice: number): T | undefined {
  return all[choice % all.length];
}

const spelling = fc.constantFrom<Spelling>('yield*', 'await');
// Often the first that lives, as it is the one that has just been let go on.
const choice = fc.oneof(fc.constant(0), fc.nat(1000));
const endings = [
  fc.record({ kind: fc.constant('cancel' as const), choice }),
  fc.record({ kind: fc.constant('expire' as const), choice }),
  fc.record({ kind: fc.constant('turn' as const) }),
];

/** Cancels a worker, lets its time run out, or gives everybody a turn. */
function* end(command: { kind: string; choice?: number }, workers: readonly Worker[]): Steps {
  const worker = pick(
    workers.filter(({ task }) => !task.done()),
    command.choice ?? 0,
  );
  if (command.kind === 'cancel') worker?.task.cancel();
  else if (command.kind === 'expire') worker?.expire();
  else yield;
}

/** No live request is pending while one that came later has been granted. */
function assertNobodyOvertaken(requests: readonly Future<unknown>[]): void {
  const live = requests.filter((request) => !request.cancelled());
  const firstPending = live.findIndex((request) => !request.done());
  assert.ok(firstPending === -1 || live.slice(firstPending).every((request) => !request.done()));
}

function property<T>(name: string, commands: fc.Arbitrary<T>, check: (commands: T) => Steps): void {
  it(name, () =>
    fc.assert(
      fc.asyncProperty(commands, taskOrder, (given, order) => runSimulated(() => check(given), order)),
      propertyRuns(200),
    ),
  );
}

describe('what is acquired, under random schedules', () => {
  const command = fc.oneof(
    fc.record({
      kind: fc.constant('start' as const),
      spelling,
      way: fc.constantFrom('acquire', 'use', 'hold', 'helper'),
      turns: fc.nat(3),
    }),
    ...endings,
  );

  for (const [name, make, units] of [
    ['a lock', () => new Lock(), 1],
    ['the lock of a condition', () => new Condition(), 1],
    ['a semaphore', () => new Semaphore(2), 2],
    ['a bounded semaphore', () => new BoundedSemaphore(3), 3],
  ] as const) {
    property(
      `${name} serves in order, is never held by too many, and is free at the end (B-LOCK-002, B-LOCK-003, B-LOCK-006, B-SEM-003, B-SEM-006)`,
      fc.array(command, length),
      function* (commands) {
        const resource = make();
        const workers: Worker[] = [];
        const helpers: Task<true>[] = [];
        const requests: Future<unknown>[] = [];
        let inside = 0;
        const request = <F extends Future<unknown>>(future: F): F => {
          requests.push(future);
          return future;
        };
        const enter = () => assert.ok(++inside <= units);
        const leave = () => inside--;
        const startWorker = (
          way: string,
          turns: number,
        ): { yield: () => Steps; await: () => Promise<void> } => {
          const stayAwhile = function* () {
            enter();
            try {
              for (let i = 0; i < turns; i++) yield;
            } finally {
              leave();
            }
          };
          const stayAwhileAsync = async () => {
            enter();
            try {
              for (let i = 0; i < turns; i++) await sleep(0);
            } finally {
              leave();
            }
          };
          if (way === 'use') {
            return {
              *yield() {
                yield* resource.use(turns % 2 === 0 ? stayAwhile : stayAwhileAsync);
              },
              async await() {
                await resource.use(turns % 2 === 0 ? stayAwhile : stayAwhileAsync);
              },
            };
          }
          if (way === 'hold') {
            return {
              *yield() {
                using _held = yield* request(resource.hold());
                yield* stayAwhile();
              },
              async await() {
                using _held = await request(resource.hold());
                await stayAwhileAsync();
              },
            };
          }
          return {
            *yield() {
              yield* request(resource.acquire());
              try {
                yield* stayAwhile();
              } finally {
                resource.release();
              }
            },
            async await() {
              await request(resource.acquire());
              try {
                await stayAwhileAsync();
              } finally {
                resource.release();
              }
            },
          };
        };
        const check = () => {
          assertNobodyOvertaken(requests);
          if (!resource.locked()) assert.ok(requests.every((future) => future.done()));
        };
        for (const command of commands) {
          if (command.kind !== 'start') {
            yield* end(command, [...workers, ...helpers.map((task) => ({ task, expire() {} }))]);
          } else if (command.way === 'helper') {
            // A task that is nothing but the wait: whoever has it decides what becomes of the result.
            const task = createTask(() => request(resource.acquire()));
            task.addDoneCallback(() => {
              if (!task.cancelled()) resource.release();
            });
            helpers.push(task);
          } else {
            workers.push(start(command.spelling, startWorker(command.way, command.turns)));
          }
          check();
        }
        const bound = 20 * (commands.length + 1);
        for (let i = 0; i < bound && [...workers, ...helpers].length > 0; i++) {
          yield;
          check();
        }
        for (const worker of workers) succeeded(worker);
        for (const helper of helpers) assert.equal(helper.done(), true);
        yield* settle();
        assert.equal(inside, 0);
        assert.equal(resource.locked(), false);
        if (resource instanceof Semaphore) assert.equal(resource.value, units);
      },
    );
  }
});

describe('a condition, under random schedules', () => {
  const count = fc.integer({ min: 1, max: 2 });
  const command = fc.oneof(
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('consume' as const), spelling }) },
    fc.record({ kind: fc.constant('produce' as const), spelling, count }),
    fc.record({ kind: fc.constant('produce now' as const), count }),
    fc.record({ kind: fc.constant('rest' as const) }),
    ...endings,
  );

  property(
    'wakes one for each notification, whoever is cancelled (B-COND-002, B-COND-003, B-COND-006)',
    fc.array(command, length),
    function* (commands) {
      const condition = new Condition();
      const consumers: Worker[] = [];
      const producers: Worker[] = [];
      let stock = 0;
      let produced = 0;
      let consumed = 0;
      const take = () => {
        assert.ok(condition.locked() && stock > 0);
        stock--;
        consumed++;
      };
      const asleep = () => consumers.filter(({ task }) => !task.done());
      const rest = function* () {
        for (let i = 0; i < 10 * (asleep().length + producers.length + 1); i++) yield;
        assert.equal(condition.locked(), false);
        assert.equal(produced, stock + consumed);
        assert.ok(stock === 0 || asleep().length === 0, `${stock} in stock, ${asleep().length} asleep`);
      };
      for (const command of commands) {
        if (command.kind === 'consume') {
          consumers.push(
            start(command.spelling, {
              *yield() {
                using _held = yield* condition.hold();
                try {
                  yield* condition.waitFor(() => stock > 0);
                } finally {
                  assert.equal(condition.locked(), true);
                }
                take();
              },
              await: async () => {
                await condition.use(async () => {
                  while (stock === 0) await condition.wait();
                  take();
                });
              },
            }),
          );
        } else if (command.kind === 'produce' || command.kind === 'produce now') {
          const put = () => {
            stock += command.count;
            produced += command.count;
            condition.notify(command.count);
          };
          if (command.kind === 'produce now') {
            // Without a turn in between: whoever is woken by it has not run when the next command comes.
            if (condition.locked()) continue;
            yield* condition.acquire();
            put();
            condition.release();
            continue;
          }
          producers.push(
            start(command.spelling, {
              *yield() {
                using _held = yield* condition.hold();
                put();
                for (let i = 0; i < 3; i++) yield;
              },
              await: async () => {
                await condition.use(async () => {
                  put();
                  for (let i = 0; i < 3; i++) await sleep(0);
                });
              },
            }),
          );
        } else if (command.kind === 'rest') {
          yield* rest();
        } else {
          yield* end(command, consumers);
        }
      }
      yield* rest();
      for (const producer of producers) succeeded(producer);
      for (const { task } of asleep()) task.cancel();
      yield* rest();
      assert.equal(consumers.filter(succeeded).length, consumed);
      assert.equal(String(condition), '<Condition unlocked>');
    },
  );
});

/** What queues and channels have in common. */
interface Passage {
  put(item: number): Future<void>;
  get(): Future<number>;
  putNowait(item: number): void;
  getNowait(): number;
  /** Whether one more could be put: never while somebody waits to. */
  hasRoom(): boolean;
  size(): number;
}

describe('what passes items, under random schedules', () => {
  const command = fc.oneof(
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('put' as const), spelling }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('get' as const), spelling }) },
    fc.record({ kind: fc.constant('putNowait' as const) }),
    fc.record({ kind: fc.constant('getNowait' as const) }),
    ...endings.map((arbitrary) => ({ weight: 2, arbitrary })),
  );

  const queue = (made: Queue<number>): Passage => ({
    put: (item) => made.put(item),
    get: () => made.get(),
    putNowait: (item) => made.putNowait(item),
    getNowait: () => made.getNowait(),
    hasRoom: () => !made.full(),
    size: () => made.qsize(),
  });
  const channel = (capacity: number): Passage => {
    const { sender, receiver } = openMemoryChannel<number>(capacity);
    const size = () => Number(/buffered=(\d+)/.exec(String(sender))?.[1]);
    return {
      put: (item) => sender.send(item),
      get: () => receiver.receive(),
      putNowait: (item) => sender.sendNowait(item),
      getNowait: () => receiver.receiveNowait(),
      hasRoom: () => size() < capacity,
      size,
    };
  };

  for (const [name, make, firstInFirstOut] of [
    ['a queue', () => queue(new Queue(0)), true],
    ['a queue of one', () => queue(new Queue(1)), true],
    ['a queue of three', () => queue(new Queue(3)), true],
    ['a stack of two', () => queue(new LifoQueue(2)), false],
    ['a priority queue of two', () => queue(new PriorityQueue(2)), false],
    ['a priority queue', () => queue(new PriorityQueue()), false],
    ['a channel', () => channel(0), true],
    ['a channel of two', () => channel(2), true],
  ] as const) {
    property(
      `${name} loses no item, doubles none, and lets nobody sleep who could go on (B-Q-003, B-Q-006, B-Q-007, B-Q-008)`,
      fc.array(command, length),
      function* (commands) {
        const passage = make();
        const putters: (Worker & { put: { item: number } })[] = [];
        const getters: Worker[] = [];
        const puts: Future<void>[] = [];
        const gets: Future<number>[] = [];
        const taken: number[] = [];
        const placed: number[] = [];
        let asked = 0;
        /** Items are numbered as they are asked to be put. */
        const put = (as: { item: number }) => {
          as.item = asked++;
          const future = passage.put(as.item);
          puts.push(future);
          return future;
        };
        const get = () => {
          const future = passage.get();
          gets.push(future);
          return future;
        };
        const check = () => {
          assertNobodyOvertaken(puts);
          assertNobodyOvertaken(gets);
          const putting = puts.some((future) => !future.done());
          const getting = gets.some((future) => !future.done());
          assert.ok(!(getting && (passage.size() > 0 || putting)), 'a getter sleeps');
          assert.ok(!(putting && passage.hasRoom()), 'a putter sleeps');
        };
        for (const command of commands) {
          switch (command.kind) {
            case 'put': {
              const as = { item: -1 };
              const worker = start(command.spelling, {
                *yield() {
                  yield* put(as);
                },
                await: async () => await put(as),
              });
              putters.push({ ...worker, put: as });
              break;
            }
            case 'get':
              getters.push(
                start(command.spelling, {
                  *yield() {
                    taken.push(yield* get());
                  },
                  await: async () => {
                    taken.push(await get());
                  },
                }),
              );
              break;
            case 'putNowait': {
              const item = asked++;
              if (tryTo(() => passage.putNowait(item), 'ERR_QUEUE_FULL', 'ERR_WOULD_BLOCK'))
                placed.push(item);
              break;
            }
            case 'getNowait':
              tryTo(() => taken.push(passage.getNowait()), 'ERR_QUEUE_EMPTY', 'ERR_WOULD_BLOCK');
              break;
            default:
              yield* end(command, [...putters, ...getters]);
          }
          check();
        }
        yield* settle();
        check();
        while (tryTo(() => taken.push(passage.getNowait()), 'ERR_QUEUE_EMPTY', 'ERR_WOULD_BLOCK')) {
          check();
          yield* settle();
        }
        for (const { task } of getters) task.cancel();
        yield* settle();
        getters.forEach(succeeded);
        placed.push(...putters.filter(succeeded).map(({ put }) => put.item));
        const ascending = (items: number[]) => [...items].sort((a, b) => a - b);
        assert.deepEqual(ascending(taken), ascending(placed));
        if (firstInFirstOut) assert.deepEqual(taken, ascending(taken));
        assert.equal(passage.size(), 0);
      },
    );
  }
});

describe('an event, under random schedules', () => {
  const command = fc.oneof(
    fc.record({ kind: fc.constantFrom('wait' as const, 'set' as const, 'clear' as const) }),
    ...endings,
  );

  property(
    'lets go on whom it should (B-EVT-001, B-EVT-002, B-EVT-003, B-EVT-004)',
    fc.array(command, length),
    function* (commands) {
      const event = new Event();
      const waits: { future: Future<true>; state: 'pending' | 'done' | 'cancelled' }[] = [];
      let set = false;
      for (const command of commands) {
        if (command.kind === 'wait') {
          waits.push({ future: event.wait(), state: set ? 'done' : 'pending' });
        } else if (command.kind === 'set') {
          event.set();
          set = true;
          for (const wait of waits) if (wait.state === 'pending') wait.state = 'done';
        } else if (command.kind === 'clear') {
          event.clear();
          set = false;
        } else if ('choice' in command) {
          const wait = pick(waits, command.choice);
          wait?.future.cancel();
          if (wait?.state === 'pending') wait.state = 'cancelled';
        } else {
          yield;
        }
        assert.equal(event.isSet(), set);
        for (const { future, state } of waits) {
          assert.deepEqual([future.done(), future.cancelled()], [state !== 'pending', state === 'cancelled']);
        }
      }
    },
  );
});

describe('a barrier, under random schedules', () => {
  const command = fc.oneof(
    { weight: 5, arbitrary: fc.record({ kind: fc.constant('wait' as const) }) },
    fc.record({ kind: fc.constantFrom('reset' as const, 'abort' as const) }),
    ...endings,
  );

  property(
    'lets go on as many as it is for, each with its number (B-BAR-002, B-BAR-003, B-BAR-004, B-BAR-006)',
    fc.tuple(fc.integer({ min: 1, max: 4 }), fc.array(command, length)),
    function* ([parties, commands]) {
      const barrier = new Barrier(parties);
      let waiting: Future<number>[] = [];
      let broken = false;
      const failAll = () => {
        for (const future of waiting) {
          assert.equal((future.exception() as { code: string }).code, 'ERR_BROKEN_BARRIER');
        }
        waiting = [];
      };
      for (const command of commands) {
        if (command.kind === 'wait') {
          waiting.push(barrier.wait());
          if (broken) {
            failAll();
          } else if (waiting.length === parties) {
            assert.deepEqual(
              waiting.map((future) => future.result()),
              waiting.map((_, index) => index),
            );
            waiting = [];
          }
        } else if (command.kind === 'turn') {
          yield;
        } else if (command.kind === 'cancel' || command.kind === 'expire') {
          const future = pick(waiting, command.choice);
          if (future?.cancel() === true) waiting = waiting.filter((other) => other !== future);
        } else {
          barrier[command.kind]();
          broken = command.kind === 'abort';
          failAll();
        }
        assert.equal(barrier.nWaiting, waiting.length);
        assert.equal(barrier.broken, broken);
        assert.ok(waiting.every((future) => !future.done()));
      }
      for (const future of waiting) future.cancel();
    },
  );
});
