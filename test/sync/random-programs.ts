/**
 * Random programs for property tests: trees of tasks, scopes, groups, races and everything of `src/sync`, each part in
 * a spelling of its own, and a world in which they run that keeps the books.
 *
 * No time passes: a deadline has come or never comes, unless a scope is struck on purpose. "Nothing can go on" is
 * therefore well defined: so many turns in which nobody did anything.
 */
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import fc from 'fast-check';
import {
  allTasks,
  cancelScope,
  coroutine,
  createTask,
  currentTask,
  type Future,
  fromSignal,
  gather,
  race,
  shield,
  type Task,
  type TaskGroup,
  taskGroup,
  timeout,
  wait,
  waitFor,
} from '../../src/coroutines/index.ts';
import {
  CancelledError,
  type EventLoop,
  type Future as FutureInterface,
  GroupError,
  type Suspension,
  TimeoutError,
} from '../../src/interface/index.ts';
import { ContextVar, getRunningLoop } from '../../src/loop/index.ts';
import { Runner } from '../../src/runtime/index.ts';
import {
  Barrier,
  Condition,
  Event,
  Lock,
  openMemoryChannel,
  Queue,
  Semaphore,
} from '../../src/sync/index.ts';
import { asyncFunction, generator, type Script, toGenerator } from '../coroutines/spellings.ts';
import { simulatedLoop } from '../support/simulated.ts';

export type Spelling = 'yield*' | 'await';

/** How something is waited for: as it is, by a task of its own, in a timeout that strikes at once, or in one that never does. */
type Way = 'itself' | 'task' | 'struck timeout' | 'timeout';

/** What a task does. */
export type Program =
  | { kind: 'turns'; count: number }
  | { kind: 'promise' }
  | { kind: 'fail' }
  | { kind: 'strike'; blow: Blow }
  | { kind: 'sequence'; spelling: Spelling; steps: Program[] }
  | { kind: 'resist'; step: Program }
  | { kind: 'recover'; step: Program }
  | { kind: 'cleanUp'; step: Program; last: Program }
  | { kind: 'timeout'; struck: boolean; spelling: Spelling; step: Program }
  | { kind: 'waitFor'; struck: boolean; spelling: Spelling; step: Program }
  | {
      kind: 'scope';
      struck: boolean;
      shield: boolean;
      signal: number | null;
      spelling: Spelling;
      step: Program;
    }
  | { kind: 'fromSignal'; signal: number; spelling: Spelling; step: Program }
  | { kind: 'group'; spelling: Spelling; children: Part[]; step: Program }
  | {
      kind: 'task';
      eagerStart: boolean;
      wait: 'itself' | 'shield' | 'wait' | 'no';
      spelling: Spelling;
      step: Program;
    }
  | { kind: 'together'; how: 'race' | 'gather' | 'outcomes' | 'promises'; parts: Part[] }
  | { kind: 'join'; which: number }
  | {
      kind: 'lock' | 'semaphore';
      which: number;
      way: Way | 'hold' | 'use';
      spelling: Spelling;
      step: Program;
    }
  | { kind: 'consume'; way: 'acquire' | 'hold' | 'use'; spelling: Spelling }
  | { kind: 'produce'; count: number; spelling: Spelling; turns: number }
  | { kind: 'put' | 'get'; which: number; way: Way }
  | { kind: 'happen'; clear: boolean }
  | { kind: 'event' | 'barrier'; way: Way };

export interface Part {
  readonly spelling: Spelling;
  readonly step: Program;
}

/** A cancellation of something that is there by then. */
export interface Blow {
  readonly at: 'task' | 'scope' | 'signal';
  readonly which: number;
}

export interface Scenario {
  /** They run side by side. */
  readonly roots: readonly Part[];
  readonly blows: readonly { readonly turn: number; readonly blow: Blow }[];
}

const spelling = fc.constantFrom<Spelling[]>('yield*', 'await');
const which = fc.oneof(fc.constant(0), fc.nat(20));
const way = fc.constantFrom<Way[]>('itself', 'itself', 'task', 'struck timeout', 'timeout');
const blow: fc.Arbitrary<Blow> = fc.record({
  at: fc.constantFrom('task', 'task', 'scope', 'scope', 'signal'),
  which: fc.nat(20),
});
const kind = <K extends string>(...kinds: K[]) => fc.constantFrom(...kinds);

/**
 * Programs of a kind.
 *
 * @param yielding programs that do as they are told: they catch no cancellation, shield nothing from it, and leave no
 *   task behind that nobody waits for
 */
export function scenarios(options: { yielding: boolean }): fc.Arbitrary<Scenario> {
  return fc.record({
    roots: fc.array(fc.record({ spelling, step: programs({ ...options, promises: true }) }), {
      minLength: 1,
      maxLength: 4,
    }),
    blows: fc.array(fc.record({ turn: fc.nat(15), blow }), { maxLength: 6 }),
  });
}

interface ProgramOptions {
  readonly yielding: boolean;
  /**
   * Several waits of one `async` function at a time. A cancellation strikes those that have begun, and those that the
   * function goes on to afterwards, only the next one does.
   */
  readonly promises: boolean;
}

function programs({ yielding, promises }: ProgramOptions): fc.Arbitrary<Program> {
  const shielded = yielding ? fc.constant(null) : programs({ yielding: true, promises: false });
  const { program } = fc.letrec<{ program: Program; part: Part; parts: Part[] }>((tie) => {
    const nested = { spelling, step: tie('program') };
    const always = [
      { weight: 3, arbitrary: fc.record({ kind: kind('turns'), count: fc.nat(3) }) },
      { weight: 1, arbitrary: fc.record({ kind: kind('promise') }) },
      { weight: 1, arbitrary: fc.record({ kind: kind('fail') }) },
      { weight: 3, arbitrary: fc.record({ kind: kind('put', 'get'), which: fc.nat(2), way }) },
      { weight: 1, arbitrary: fc.record({ kind: kind('happen'), clear: fc.boolean() }) },
      { weight: 2, arbitrary: fc.record({ kind: kind('event', 'barrier'), way }) },
      {
        weight: 2,
        arbitrary: fc.record({ kind: kind('consume'), way: kind('acquire', 'hold', 'use'), spelling }),
      },
      {
        weight: 5,
        arbitrary: fc.record({
          kind: kind('sequence'),
          spelling,
          steps: fc.array(tie('program'), { minLength: 1, maxLength: 4 }),
        }),
      },
      { weight: 2, arbitrary: fc.record({ kind: kind('recover'), step: tie('program') }) },
      {
        weight: 2,
        arbitrary: fc.record({ kind: kind('timeout', 'waitFor'), struck: fc.boolean(), ...nested }),
      },
      { weight: 1, arbitrary: fc.record({ kind: kind('fromSignal'), signal: fc.nat(1), ...nested }) },
      { weight: 4, arbitrary: fc.record({ kind: kind('group'), children: tie('parts'), ...nested }) },
      {
        weight: 3,
        arbitrary: fc.record({
          kind: kind('together'),
          how: kind(
            'race',
            'outcomes',
            ...(yielding ? [] : (['gather'] as const)),
            ...(promises ? (['promises'] as const) : []),
          ),
          parts: tie('parts'),
        }),
      },
      {
        weight: 4,
        arbitrary: fc.record({
          kind: kind('lock', 'semaphore'),
          which: fc.nat(1),
          way: fc.oneof(way, kind('hold', 'use')),
          ...nested,
        }),
      },
      {
        weight: 2,
        arbitrary: fc.record({ kind: kind('produce'), count: fc.nat(2), spelling, turns: fc.nat(3) }),
      },
      {
        weight: 2,
        arbitrary: fc.record({
          kind: kind('scope'),
          struck: fc.boolean(),
          shield: fc.constant(false),
          signal: fc.option(fc.nat(1)),
          ...nested,
        }),
      },
      {
        weight: 3,
        arbitrary: fc.record({
          kind: kind('task'),
          eagerStart: fc.boolean(),
          wait: yielding ? kind('itself') : kind('itself', 'shield', 'wait', 'no'),
          ...nested,
        }),
      },
    ];
    const unruly = [
      {
        weight: 2,
        arbitrary: fc.record({
          kind: kind('scope'),
          struck: fc.boolean(),
          shield: fc.constant(true),
          signal: fc.option(fc.nat(1)),
          spelling,
          // Once it was cancelled itself, nothing could get at what is inside.
          step: shielded,
        }),
      },
      { weight: 2, arbitrary: fc.record({ kind: kind('strike'), blow }) },
      { weight: 1, arbitrary: fc.record({ kind: kind('join'), which }) },
      { weight: 1, arbitrary: fc.record({ kind: kind('resist'), step: tie('program') }) },
      {
        weight: 2,
        arbitrary: fc.record({ kind: kind('cleanUp'), step: tie('program'), last: tie('program') }),
      },
    ];
    return {
      part: fc.record({ spelling, step: tie('program') }),
      parts: fc.array(tie('part') as fc.Arbitrary<Part>, { minLength: 1, maxLength: 3 }),
      program: fc.oneof(
        { maxDepth: 5, depthSize: 'max', depthIdentifier: 'program' },
        ...always,
        ...(yielding ? [] : unruly),
      ) as fc.Arbitrary<Program>,
    };
  });
  return program;
}

/**
 * Runs a scenario on a loop of its own. Unlike `run`, this leaves at the end what is left: a task that cannot be
 * cancelled fails the test instead of keeping it.
 */
export async function inWorld(
  scenario: Scenario,
  order: readonly number[],
  main: (world: World) => Script<void>,
): Promise<void> {
  const runner = new Runner({ loopFactory: () => simulatedLoop(order) });
  const rejections: unknown[] = [];
  const onRejection = (reason: unknown) => void rejections.push(reason);
  process.on('unhandledRejection', onRejection);
  try {
    await runner.run(function* () {
      const world = new World(getRunningLoop());
      world.begin(scenario);
      yield* toGenerator(main(world));
    });
    assert.deepEqual(rejections, [], 'rejections that nobody handled');
  } finally {
    process.off('unhandledRejection', onRejection);
    runner.getLoop().close();
  }
}

/** An error of a program's own. Every one that is thrown must come to light exactly once. */
class Failure extends Error {
  /** how often it came to light */
  seen = 0;
  /** several wait for who threw it, and each gets to see it */
  shared = false;
  /** one of several that fail together, of which but one is passed on */
  mayBeDropped = false;
}

/** The reason of the signals. */
class Aborted extends Error {}

/** Which root the present task belongs to. */
const rootIndex = new ContextVar<number>('rootIndex');

function rootIndexOf(task: Task<unknown>): number {
  return task.getContext().get(rootIndex) as number;
}

const struckReason = 'struck';
const units = 2;
const parties = 2;
/** More than the longest way of a cancellation through the deepest program takes. */
const quietTurns = 80;

/** What queues and channels have in common. */
class Passage {
  readonly puts: Future<void>[] = [];
  readonly gets: Future<number>[] = [];
  readonly placed: number[] = [];
  readonly taken: number[] = [];
  readonly put: (item: number) => Future<void>;
  readonly get: () => Future<number>;
  readonly takeRest: () => number;
  readonly roomLeft: () => boolean;

  constructor(
    put: (item: number) => Future<void>,
    get: () => Future<number>,
    takeRest: () => number,
    roomLeft: () => boolean,
  ) {
    this.put = (item) => keep(this.puts, put(item));
    this.get = () => keep(this.gets, get());
    this.takeRest = takeRest;
    this.roomLeft = roomLeft;
  }
}

function keep<T>(all: T[], one: T): T {
  all.push(one);
  return one;
}

function queuePassage(queue: Queue<number>): Passage {
  return new Passage(
    (item) => queue.put(item),
    () => queue.get(),
    () => queue.getNowait(),
    () => !queue.full(),
  );
}

function channelPassage(): Passage {
  const { sender, receiver } = openMemoryChannel<number>(0);
  return new Passage(
    (item) => sender.send(item),
    () => receiver.receive(),
    () => receiver.receiveNowait(),
    () => false,
  );
}

/** Runs programs and keeps the books. */
export class World {
  readonly roots: Task<void>[] = [];
  readonly #loop: EventLoop;
  readonly #self = currentTask();
  readonly #failures: Failure[] = [];
  readonly #tasks: Task<unknown>[] = [];
  readonly #scopes: (() => void)[] = [];
  readonly #signals = [new AbortController(), new AbortController()];
  readonly #locks = [new Lock(), new Lock()].map((lock) => ({ lock, holders: 0 }));
  readonly #semaphores = [new Semaphore(units), new Semaphore(units)].map((semaphore) => ({
    semaphore,
    holders: 0,
  }));
  readonly #condition = new Condition();
  #inCondition = 0;
  #stock = 0;
  #consumersWaiting = 0;
  readonly #passages = [queuePassage(new Queue()), queuePassage(new Queue(1)), channelPassage()];
  readonly #event = new Event();
  readonly #eventWaits: Future<true>[] = [];
  readonly #barrier = new Barrier(parties);
  #items = 0;
  #activity = 0;
  /** what nobody should ever have met */
  readonly #strange: unknown[] = [];

  constructor(loop: EventLoop) {
    this.#loop = loop;
    loop.setExceptionHandler((_loop, context) => this.#see(context.exception ?? context.message));
  }

  begin({ roots, blows }: Scenario): void {
    for (const [index, part] of roots.entries()) {
      const token = rootIndex.set(index);
      const root = this.#start(part, false);
      rootIndex.reset(token);
      this.roots.push(root);
      root.addDoneCallback((done) => this.#seeOutcome(done));
    }
    for (const { turn, blow } of blows) this.#after(turn, () => this.#strike(blow));
  }

  /** Until nothing can go on. */
  *rest(): Script<void> {
    let last = -1;
    for (let quiet = 0; quiet < quietTurns; quiet++) {
      if (this.#activity !== last) quiet = 0;
      last = this.#activity;
      yield;
    }
  }

  get alive(): Task<unknown>[] {
    return [...allTasks(this.#loop)].filter((task) => task !== this.#self);
  }

  /** Cancels everything there is to cancel, once. */
  cancelAll(): void {
    for (const task of this.#tasks) cancelAlive(task);
    for (const strike of this.#scopes) strike();
  }

  /** Nothing can go on: nobody sleeps who could, and what is held is held by somebody. */
  checkAsleep(): void {
    this.#checkHolders();
    assert.ok(
      this.#stock === 0 || this.#consumersWaiting === 0 || this.#condition.locked(),
      `${this.#consumersWaiting} consumers sleep, and ${this.#stock} are in stock`,
    );
    for (const { puts, gets, roomLeft } of this.#passages) {
      const putting = puts.some((put) => !put.done());
      assert.ok(!(putting && roomLeft()), 'a putter sleeps, and there is room');
      assert.ok(!(putting && gets.some((get) => !get.done())), 'a putter and a getter sleep');
    }
    assert.ok(
      !this.#event.isSet() || this.#eventWaits.every((future) => future.done()),
      'a wait for what is',
    );
    assert.ok(this.#barrier.nWaiting < parties, String(this.#barrier));
  }

  checkEnd(): void {
    assert.deepEqual(this.alive.map(String), [], 'tasks');
    assert.equal(this.#loop.timeUntilNextTimer(), null, 'a timer is left');
    assert.deepEqual(this.#strange, [], 'errors of no program');
    for (const { lock, holders } of this.#locks)
      assert.deepEqual([String(lock), holders], ['<Lock unlocked>', 0]);
    for (const { semaphore } of this.#semaphores)
      assert.equal(String(semaphore), `<Semaphore value=${units}>`);
    assert.equal(String(this.#condition), '<Condition unlocked>');
    assert.equal(this.#barrier.nWaiting, 0);
    assert.ok(this.#eventWaits.every((future) => future.done()));
    for (const { signal } of this.#signals) {
      assert.equal(getEventListeners(signal, 'abort').length, 0, 'listeners of a signal');
    }
    this.#checkHolders();
    this.#checkItems();
    for (const { seen, shared, mayBeDropped } of this.#failures) {
      assert.ok(seen <= 1 || shared, `an error was seen ${seen} times`);
      assert.ok(seen >= 1 || mayBeDropped, 'an error was never seen');
    }
  }

  #checkHolders(): void {
    for (const { lock, holders } of this.#locks) assert.equal(Number(lock.locked()), holders, String(lock));
    for (const { semaphore, holders } of this.#semaphores) assert.equal(units - semaphore.value, holders);
    assert.equal(Number(this.#condition.locked()), this.#inCondition, String(this.#condition));
  }

  #checkItems(): void {
    for (const { puts, gets, placed, taken, takeRest } of this.#passages) {
      assert.ok(
        [...puts, ...gets].every((future) => future.done()),
        'waiters',
      );
      for (let left = placed.length - taken.length; left > 0; left--) taken.push(takeRest());
      assert.throws(takeRest, /Cannot/, 'an item too many');
      assert.deepEqual(taken.sort(ascending), placed.sort(ascending), 'items');
    }
  }

  #see(error: unknown): void {
    if (error instanceof Failure) error.seen++;
    else if (error instanceof GroupError) for (const one of error.errors) this.#see(one);
    else if (!isStop(error)) this.#strange.push(error);
  }

  #seeOutcome(future: FutureInterface<unknown>): void {
    const error = future.cancelled() ? null : future.exception();
    if (error !== null) this.#see(error);
  }

  #strike({ at, which }: Blow): void {
    this.#activity++;
    if (at === 'task') cancelAlive(pick(this.#tasks, which));
    else if (at === 'scope') pick(this.#scopes, which)?.();
    else pick(this.#signals, which)?.abort(new Aborted());
  }

  #after(turns: number, action: () => void): void {
    this.#activity++;
    if (turns === 0) action();
    else this.#loop.callSoon(() => this.#after(turns - 1, action));
  }

  #start(part: Part, eagerStart: boolean, group?: TaskGroup): Task<void> {
    const source = this.#source(part);
    const task = (
      group === undefined ? createTask(source, { eagerStart }) : group.createTask(source, { eagerStart })
    ) as Task<void>;
    this.#tasks.push(task as Task<unknown>);
    return task;
  }

  #source({ spelling, step }: Part): () => Generator<Suspension, void, unknown> | Promise<void> {
    return spelt(spelling, () => this.#run(step, spelling));
  }

  /** Runs a part inside the present task. */
  *#inline(here: Spelling, { spelling, step }: Part): Script<void> {
    if (spelling === here) yield* this.#run(step, here);
    else yield inOtherSpelling(spelling, this.#source({ spelling, step }));
  }

  *#run(step: Program, here: Spelling): Script<void> {
    this.#activity++;
    switch (step.kind) {
      case 'turns':
        for (let i = 0; i < step.count; i++) {
          yield;
          this.#activity++;
        }
        break;
      case 'promise':
        yield Promise.resolve();
        break;
      case 'fail':
        throw keep(this.#failures, new Failure('a failure'));
      case 'strike':
        this.#strike(step.blow);
        break;
      case 'sequence':
        for (const one of step.steps) yield* this.#inline(here, { spelling: step.spelling, step: one });
        break;
      case 'resist':
        try {
          yield* this.#run(step.step, here);
        } catch (error) {
          this.#see(error);
        }
        break;
      case 'recover':
        try {
          yield* this.#run(step.step, here);
        } catch (error) {
          if (error instanceof CancelledError) throw error;
          this.#see(error);
        }
        break;
      case 'cleanUp':
        yield* this.#cleanUp(step.step, step.last, here);
        break;
      case 'timeout':
        yield timeout(step.struck ? 0 : null, (scope) => {
          this.#scopes.push(() => refusedOr(() => scope.reschedule(0)));
          return this.#source(step)();
        });
        break;
      case 'waitFor':
        yield waitFor(coroutineOf(this.#source(step)), step.struck ? 0 : null);
        break;
      case 'scope':
        yield cancelScope(
          (scope) => {
            this.#scopes.push(() => scope.cancel(struckReason));
            return this.#source(step)();
          },
          {
            timeout: step.struck ? 0 : null,
            shield: step.shield,
            signal: step.signal === null ? undefined : this.#signalOf(step.signal),
          },
        );
        break;
      case 'fromSignal':
        yield fromSignal(this.#signalOf(step.signal), () => this.#source(step)());
        break;
      case 'group':
        yield taskGroup((group) => {
          this.#scopes.push(() => group.cancel(struckReason));
          // An eager child may have ended the group already.
          refusedOr(() => {
            for (const [index, child] of step.children.entries()) this.#start(child, index % 2 === 1, group);
          });
          return this.#source(step)();
        });
        break;
      case 'task':
        yield* this.#waitForTask(this.#start(step, step.eagerStart), step.wait);
        break;
      case 'together':
        yield* this.#together(step.how, step.parts, here);
        break;
      case 'join':
        yield* this.#join(step.which);
        break;
      case 'lock':
      case 'semaphore':
        yield* this.#hold(step, here);
        break;
      case 'consume':
        yield* this.#consume(step);
        break;
      case 'produce':
        yield this.#condition.use(() => {
          this.#inCondition++;
          this.#stock += step.count;
          this.#condition.notify(step.count);
          const { spelling, turns: count } = step;
          // Not for long: whoever is cancelled in `wait` ends when the lock is free.
          return this.#leaving({ spelling, step: { kind: 'turns', count } }, () => this.#inCondition--);
        });
        break;
      case 'put':
      case 'get':
        yield* this.#pass(step.kind, this.#passages[step.which] as Passage, step.way, here);
        break;
      case 'happen':
        if (step.clear) this.#event.clear();
        else this.#event.set();
        break;
      case 'event':
        yield* this.#await(step.way, here, () => keep(this.#eventWaits, this.#event.wait()));
        break;
      case 'barrier':
        yield* this.#await(step.way, here, () => this.#barrier.wait());
        break;
    }
    this.#activity++;
  }

  #signalOf(which: number): AbortSignal {
    return (this.#signals[which] as AbortController).signal;
  }

  *#cleanUp(step: Program, last: Program, here: Spelling): Script<void> {
    let error: unknown = null;
    try {
      yield* this.#run(step, here);
    } catch (caught) {
      error = caught;
    }
    try {
      yield* this.#run(last, here);
    } catch (second) {
      if (error !== null) this.#see(error);
      throw second;
    }
    if (error !== null) throw error;
  }

  *#waitForTask(task: Task<void>, how: 'itself' | 'shield' | 'wait' | 'no'): Script<void> {
    if (how === 'itself') {
      yield task;
    } else if (how === 'shield') {
      yield shield(task);
    } else if (how === 'wait') {
      yield wait([task]);
      task.result();
    }
  }

  *#together(
    how: 'race' | 'gather' | 'outcomes' | 'promises',
    parts: readonly Part[],
    here: Spelling,
  ): Script<void> {
    const sources = parts.map((part) => this.#droppable(part));
    if (how === 'race') {
      yield race(sources.map((source) => () => source()));
    } else if (how === 'gather') {
      yield gather(this.#tasksOf(sources));
    } else if (how === 'outcomes') {
      const outcomes = (yield gather(this.#tasksOf(sources), { returnExceptions: true })) as unknown[];
      for (const outcome of outcomes) if (outcome !== undefined) this.#see(outcome);
    } else if (here === 'await') {
      const outcomes = (yield Promise.allSettled(
        sources.map((source) => awaited(source())),
      )) as PromiseSettledResult<void>[];
      for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
    }
  }

  /** A gather that fails leaves the others running, so somebody else must know them. */
  #tasksOf(sources: readonly Source[]): Task<void>[] {
    const tasks = sources.map((source) => createTask<void>(source));
    this.#tasks.push(...(tasks as Task<unknown>[]));
    return tasks;
  }

  /** A part whose failure may be dropped, because another one's is passed on. */
  #droppable(part: Part): () => Generator<Suspension, void, unknown> | Promise<void> {
    const run = this.#run.bind(this);
    return spelt(part.spelling, function* () {
      try {
        yield* run(part.step, part.spelling);
      } catch (error) {
        mark(error, 'mayBeDropped');
        throw error;
      }
    });
  }

  /** Of another root, a later one: those who wait for each other by way of groups and races wait for ever. */
  *#join(which: number): Script<void> {
    const self = rootIndex.get();
    const later = this.#tasks.filter((task) => rootIndexOf(task) > self);
    const task = pick(later, which);
    if (task === undefined) return;
    try {
      yield task;
    } catch (error) {
      mark(error, 'shared');
      throw error;
    }
  }

  *#hold(step: Program & { kind: 'lock' | 'semaphore' }, here: Spelling): Script<void> {
    const books = (step.kind === 'lock' ? this.#locks : this.#semaphores)[step.which] as { holders: number };
    const resource =
      'lock' in books ? (books.lock as Lock) : (books as unknown as { semaphore: Semaphore }).semaphore;
    const most = step.kind === 'lock' ? 1 : units;
    const entered = () => {
      books.holders++;
      if (books.holders > most) this.#strange.push(new Error(`${books.holders} hold ${resource}`));
    };
    if (step.way === 'use') {
      yield resource.use(() => {
        entered();
        return this.#leaving(step, () => books.holders--);
      });
      return;
    }
    const held =
      step.way === 'hold'
        ? ((yield resource.hold()) as { release(): void })
        : yield* this.#await(step.way, here, () => resource.acquire());
    entered();
    try {
      yield* this.#inline(here, step);
    } finally {
      books.holders--;
      if (step.way === 'hold') (held as { release(): void }).release();
      else resource.release();
    }
  }

  /** The part, and at its end `leave`. */
  #leaving(part: Part, leave: () => void): Generator<Suspension, void, unknown> | Promise<void> {
    const run = this.#run.bind(this);
    return spelt(part.spelling, function* () {
      try {
        yield* run(part.step, part.spelling);
      } finally {
        leave();
      }
    })();
  }

  *#consume({ way, spelling }: { way: 'acquire' | 'hold' | 'use'; spelling: Spelling }): Script<void> {
    const condition = this.#condition;
    const consume = this.#consumeInside.bind(this);
    if (way === 'use') {
      yield condition.use(spelt(spelling, () => consume(false)));
    } else if (way === 'hold') {
      const held = (yield condition.hold()) as { release(): void };
      try {
        yield* consume(true);
      } finally {
        held.release();
      }
    } else {
      yield condition.acquire();
      try {
        yield* consume(false);
      } finally {
        condition.release();
      }
    }
  }

  *#consumeInside(byHand: boolean): Script<void> {
    this.#consumersWaiting++;
    try {
      if (byHand) while (this.#stock === 0) yield this.#condition.wait();
      else yield this.#condition.waitFor(() => this.#stock > 0);
      this.#stock--;
      if (this.#stock < 0) this.#strange.push(new Error('more were taken than there are'));
    } finally {
      this.#consumersWaiting--;
      this.#activity++;
      if (!this.#condition.locked()) this.#strange.push(new Error('a wait ended without the lock'));
    }
  }

  *#pass(kind: 'put' | 'get', passage: Passage, way: Way, here: Spelling): Script<void> {
    if (kind === 'get') {
      passage.taken.push((yield* this.#await(way, here, () => passage.get())) as number);
      return;
    }
    const item = this.#items++;
    yield* this.#await(way, here, () => passage.put(item));
    passage.placed.push(item);
  }

  *#await(way: Way, here: Spelling, begin: () => Future<unknown>): Script<unknown> {
    switch (way) {
      case 'itself':
        return yield begin();
      case 'task': {
        const task = createTask(
          spelt(here, function* () {
            return (yield begin()) as unknown;
          }),
        );
        this.#tasks.push(task);
        return yield task;
      }
      case 'struck timeout':
        return yield timeout(0, () => begin());
      case 'timeout':
        return yield waitFor(begin(), null);
    }
  }
}

/** Whoever cancels what has failed is said to have seen that (B-FUT-022). */
function cancelAlive(task: Task<unknown> | undefined): void {
  if (task?.done() === false) task.cancel(struckReason);
}

function ascending(a: number, b: number): number {
  return a - b;
}

/** A choice that fits however many there are. */
function pick<T>(all: readonly T[], which: number): T | undefined {
  return all[which % Math.max(all.length, 1)];
}

/** No failure, but what a program is stopped by. */
function isStop(error: unknown): boolean {
  return error instanceof CancelledError || error instanceof TimeoutError || error instanceof Aborted;
}

function mark(error: unknown, how: 'shared' | 'mayBeDropped'): void {
  if (error instanceof Failure) error[how] = true;
  else if (error instanceof GroupError) for (const one of error.errors) mark(one, how);
}

function refusedOr(action: () => void): void {
  try {
    action();
  } catch (error) {
    if ((error as { code?: string }).code !== 'ERR_SCOPE_STATE') throw error;
  }
}

function spelt<T>(
  spelling: Spelling,
  script: () => Script<T>,
): () => Generator<Suspension, T, unknown> | Promise<T> {
  return (spelling === 'yield*' ? generator : asyncFunction).source(script);
}

type Source = () => Generator<Suspension, void, unknown> | Promise<void>;

function inOtherSpelling(spelling: Spelling, source: Source): PromiseLike<void> {
  // A generator makes a coroutine, which both can wait for; an `async` function runs as part of a generator's task in a scope.
  return spelling === 'yield*' ? coroutineOf(source) : timeout(null, source);
}

function coroutineOf(source: Source): PromiseLike<void> {
  return coroutine(function* part() {
    yield* toGenerator(
      (function* (): Script<void> {
        yield timeout(null, source);
      })(),
    );
  })();
}

async function awaited(made: Generator<Suspension, void, unknown> | Promise<void>): Promise<void> {
  if (made instanceof Promise) await made;
  else await coroutine(() => made)();
}
