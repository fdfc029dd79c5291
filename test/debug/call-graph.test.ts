import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { asCompleted } from '../../src/coroutines/as-completed.ts';
import { race, staggeredRace } from '../../src/coroutines/race.ts';
import { shield } from '../../src/coroutines/shield.ts';
import { waitFor } from '../../src/coroutines/wait-for.ts';
import {
  type CallGraph,
  captureCallGraph,
  formatCallGraph,
  printCallGraph,
  type StackFrame,
} from '../../src/debug/index.ts';
import {
  coroutine,
  createTask,
  currentTask,
  Future,
  gather,
  getRunningLoop,
  newEventLoop,
  run,
  StateError,
  type Suspension,
  sleep,
  Task,
  taskGroup,
  timeout,
  type Waitable,
  wait,
} from '../../src/index.ts';

const far = 3_600_000;

type Body = () => Generator<Suspension, void, unknown>;

/** Lets what was started begin to wait. */
function* settle(): Generator<Suspension, void, unknown> {
  for (let turns = 0; turns < 5; turns++) yield;
}

/** `name: frame < frame, awaiter[…]`, the frames of this file alone. */
function outline(graph: CallGraph | null): string {
  if (graph === null) return 'null';
  const { future, awaitedBy, repeated } = graph;
  const name = future instanceof Task ? future.getName() : 'future';
  const own = graph.frames.filter(isOurs).map((frame) => frame.name);
  const awaiters = awaitedBy.map(outline).join(', ');
  return `${name}${repeated ? ' again' : `: ${own.join(' < ')}`}${awaiters === '' ? '' : ` [${awaiters}]`}`;
}

function isOurs({ file }: StackFrame): boolean {
  return /call-graph\.test\.[jt]s$/.test(file ?? '');
}

function inDebugMode(body: Body): () => Promise<void> {
  return () => run(body, { debug: true });
}

function inPlainMode(body: Body): () => Promise<void> {
  return () => run(body, { debug: false });
}

const innermost = coroutine(function* innermost(future: Future<void>): Generator<Suspension, void, unknown> {
  yield* future;
});

function* middle(future: Future<void>): Generator<Suspension, void, unknown> {
  yield* innermost(future);
}

describe('the call graph', () => {
  it(
    'of a task has its own frames, innermost first, and then those of who waits for it (B-GRAPH-001)',
    inDebugMode(function* () {
      const future = new Future<void>();
      const worker = createTask(
        function* work() {
          yield* middle(future);
        },
        { name: 'worker' },
      );
      const boss = createTask(
        function* manage() {
          yield* worker;
        },
        { name: 'boss' },
      );
      createTask(
        function* govern() {
          yield* boss;
        },
        { name: 'owner' },
      );
      yield* settle();
      assert.equal(
        outline(captureCallGraph(worker)),
        'worker: innermost < middle < work [boss: manage [owner: govern]]',
      );
      const place = captureCallGraph(worker)?.frames[0];
      assert.match(String(place?.file), /^\/.*call-graph\.test/);
      assert.ok((place?.line ?? 0) > 1 && (place?.column ?? 0) >= 1);
      assert.equal(place?.kind, 'generator');
    }),
  );

  it(
    'of a task that an async function drives has its frames too (B-GRAPH-001)',
    {
      skip: Number.parseInt(process.versions.node, 10) < 22 && 'this V8 does not tell what awaits a thenable',
    },
    inDebugMode(function* () {
      const future = new Future<void>();
      async function inner(): Promise<void> {
        await future;
      }
      async function outer(): Promise<void> {
        await inner();
      }
      const task = createTask(outer, { name: 'async' });
      const boss = createTask(
        async function manage() {
          await task;
        },
        { name: 'boss' },
      );
      yield* settle();
      assert.equal(outline(captureCallGraph(task)), 'async: inner < outer [boss: manage]');
      assert.deepEqual(
        captureCallGraph(task)?.frames.map(({ kind }) => kind),
        ['async', 'async'],
      );
      boss.cancel();
    }),
  );

  it(
    'outside debug mode has the place of the outermost generator, and the same awaiters (B-GRAPH-001)',
    inPlainMode(function* () {
      const future = new Future<void>();
      const worker = createTask(
        function* work() {
          yield* middle(future);
        },
        { name: 'worker' },
      );
      createTask(
        function* manage() {
          yield* worker;
        },
        { name: 'boss' },
      );
      yield* settle();
      assert.equal(outline(captureCallGraph(worker)), 'worker: work [boss: manage]');
    }),
  );

  const connections: [
    string,
    (inner: Task<void>) => Waitable<unknown> | Generator<Suspension, void, unknown>,
  ][] = [
    ['directly', (inner) => inner],
    ['through gather', (inner) => gather([inner])],
    ['through a gather of a gather', (inner) => gather([gather([inner])])],
    ['through shield', (inner) => shield(inner)],
    ['through wait', (inner) => wait([inner])],
    ['through waitFor', (inner) => waitFor(inner, far)],
    [
      'inside a timeout',
      (inner) =>
        timeout(far, function* () {
          yield* inner;
        }),
    ],
    [
      'through asCompleted',
      function* (inner) {
        for (const next of asCompleted([inner])) yield* next;
      },
    ],
    ['by then', (inner) => inner.then(() => {}) as Future<void>],
  ];
  for (const [how, connect] of connections) {
    it(
      `has who waits ${how} (B-GRAPH-002)`,
      inPlainMode(function* () {
        const inner = createTask(() => sleep(far), { name: 'inner' }) as Task<void>;
        createTask(() => connect(inner) as Waitable<unknown>, { name: 'outer' });
        yield* settle();
        assert.deepEqual(
          captureCallGraph(inner)?.awaitedBy.map(({ future }) => (future as Task<void>).getName()),
          ['outer'],
        );
      }),
    );
  }

  it(
    'has the parent of a task group, also while that does something else (B-GRAPH-002)',
    inPlainMode(function* () {
      const gate = new Future<void>();
      let child: Task<void> | null = null;
      const parent = createTask(
        () =>
          taskGroup(function* (group) {
            child = group.createTask(() => sleep(far), { name: 'child' });
            yield* gate;
          }),
        { name: 'parent' },
      );
      yield* settle();
      const awaiters = () =>
        captureCallGraph(child)?.awaitedBy.map(({ future }) => (future as Task<void>).getName());
      assert.deepEqual(awaiters(), ['parent']);
      gate.setResult();
      yield* settle();
      assert.deepEqual(awaiters(), ['parent']);
      parent.cancel();
      yield* wait([parent]);
    }),
  );

  it(
    'has who waits for a race (B-GRAPH-002)',
    inPlainMode(function* () {
      const racers: Task<unknown>[] = [];
      const racer = () =>
        function* run(): Generator<Suspension, void, unknown> {
          racers.push(currentTask() as Task<unknown>);
          yield* sleep(far);
        };
      createTask(() => race([racer(), racer()]), { name: 'race' });
      createTask(() => staggeredRace([racer()], null), { name: 'staggered' });
      yield* settle();
      assert.deepEqual(
        racers.map((task) =>
          captureCallGraph(task)?.awaitedBy.map(({ future }) => (future as Task<void>).getName()),
        ),
        [['race'], ['race'], ['staggered']],
      );
    }),
  );

  it(
    'forgets who waits no more (B-GRAPH-002)',
    inPlainMode(function* () {
      const inner = createTask(() => sleep(far));
      const outer = createTask(() => gather([shield(inner)]));
      yield* settle();
      assert.equal(captureCallGraph(inner)?.awaitedBy.length, 1);
      outer.cancel();
      yield* wait([outer]);
      assert.equal(captureCallGraph(inner)?.awaitedBy.length, 0);
    }),
  );

  it(
    'of a plain future has no frames and lists every waiter (B-GRAPH-003)',
    inDebugMode(function* () {
      const future = new Future<void>();
      for (const name of ['a', 'b', 'c']) {
        createTask(
          function* waiting() {
            yield* future;
          },
          { name },
        );
      }
      createTask(
        async () => {
          await future;
        },
        { name: 'd' },
      );
      yield* settle();
      const graph = captureCallGraph(future);
      assert.deepEqual(graph?.frames, []);
      assert.deepEqual(
        graph?.awaitedBy.map(({ future: task }) => (task as Task<void>).getName()),
        ['a', 'b', 'c', 'd'],
      );
    }),
  );

  it(
    'labels the frames of async generators as async, which is all that JavaScript tells (B-GRAPH-003)',
    {
      skip: Number.parseInt(process.versions.node, 10) < 22 && 'this V8 does not tell what awaits a thenable',
    },
    inDebugMode(function* () {
      const future = new Future<void>();
      async function* ticker(): AsyncGenerator<number> {
        await future;
        yield 1;
      }
      const task = createTask(async function consume() {
        for await (const _ of ticker());
      });
      yield* settle();
      assert.deepEqual(
        captureCallGraph(task)?.frames.map(({ name, kind }) => `${kind} ${name}`),
        ['async ticker', 'async consume'],
      );
    }),
  );

  it(
    'of the present task is that of the code that asks (B-GRAPH-001)',
    inPlainMode(function* main() {
      const ask = () => captureCallGraph();
      function* asking(): Generator<Suspension, CallGraph | null, unknown> {
        yield;
        return ask();
      }
      const graph = yield* asking();
      assert.equal(graph?.future, currentTask());
      assert.deepEqual(
        graph?.frames.map(({ name }) => name),
        ['ask', 'asking', 'main'],
      );
    }),
  );

  it('cannot be asked for where no loop runs and no future is named (B-GRAPH-004)', () => {
    for (const capture of [captureCallGraph, formatCallGraph, printCallGraph]) {
      assert.throws(() => capture(), StateError);
      assert.throws(() => capture(null), { code: 'ERR_NO_RUNNING_LOOP' });
    }
  });

  it('of a named future can be asked for anywhere (B-GRAPH-004)', () => {
    const loop = newEventLoop();
    const future = loop.createFuture<void>();
    assert.deepEqual(captureCallGraph(future), { future, frames: [], awaitedBy: [], repeated: false });
    loop.close();
  });

  it(
    'is null in a callback, which is no task (B-GRAPH-004)',
    inPlainMode(function* () {
      const answers = new Future<unknown[]>();
      getRunningLoop().callSoon(() => answers.setResult([captureCallGraph(), formatCallGraph()]));
      assert.deepEqual(yield* answers, [null, '']);
    }),
  );

  it('refuses what is no future, and no number of frames (B-GRAPH-004)', () => {
    for (const wrong of [Promise.resolve(), {}, 7, 'task', sleep]) {
      assert.throws(() => captureCallGraph(wrong as never), TypeError);
    }
    const loop = newEventLoop();
    for (const limit of [1.5, Number.NaN, '1']) {
      assert.throws(() => captureCallGraph(loop.createFuture(), { limit: limit as number }), TypeError);
    }
    loop.close();
  });

  it(
    'is limited to the innermost or the outermost frames, by the sign (B-GRAPH-004)',
    inDebugMode(function* () {
      const future = new Future<void>();
      const task = createTask(function* outermost() {
        yield* middle(future);
      });
      yield* settle();
      const names = (limit: number | null) =>
        captureCallGraph(task, { limit })?.frames.map(({ name }) => name);
      assert.deepEqual(names(null), ['innermost', 'middle', 'outermost']);
      assert.deepEqual(names(2), ['innermost', 'middle']);
      assert.deepEqual(names(-2), ['middle', 'outermost']);
      assert.deepEqual(names(0), []);
      assert.deepEqual(names(9), names(null));
      assert.deepEqual(names(-9), names(null));
    }),
  );

  it(
    'tells a task once, where several ways lead to it, and where they go round',
    inPlainMode(function* () {
      const inner = createTask(() => sleep(far), { name: 'inner' });
      const left = createTask(() => shield(inner), { name: 'left' });
      const right = createTask(() => shield(inner), { name: 'right' });
      createTask(() => gather([left, right]), { name: 'top' });
      const broken = new Future<void>();
      const circle: Task<unknown>[] = [];
      for (const index of [0, 1]) {
        circle.push(
          createTask(
            function* () {
              yield;
              yield* gather([broken, circle[1 - index] as Task<unknown>]);
            },
            { name: `circle ${index}` },
          ) as Task<unknown>,
        );
      }
      yield* settle();
      assert.match(outline(captureCallGraph(inner)), /left.*top: .*right.*top again/);
      assert.match(outline(captureCallGraph(circle[0])), /circle 0: .*circle 1: .*circle 0 again/);
      broken.setException(new Error('the circle is broken'));
      yield* wait(circle);
      for (const task of circle) task.exception();
    }),
  );

  it(
    'reaches through chains that are longer than the stack is deep',
    inPlainMode(function* () {
      const first = createTask(() => sleep(far));
      let last: Task<unknown> = first as Task<unknown>;
      for (let length = 0; length < 20_000; length++) {
        const awaited = last;
        last = createTask(function* () {
          yield* awaited;
        }) as Task<unknown>;
      }
      yield* settle();
      let depth = 0;
      let graph = captureCallGraph(first, { limit: 0 });
      for (; graph !== null; graph = graph.awaitedBy[0] ?? null) depth++;
      assert.equal(depth, 20_001);
      assert.equal(formatCallGraph(first).match(/^ *\* /gm)?.length, 20_001);
      // From the end that all wait for; the other way round it would be a matter of the stack's depth.
      first.cancel();
      yield* wait([last]);
    }),
  );

  it(
    'is printed with names, frames and awaiters',
    inDebugMode(function* () {
      const future = new Future<void>();
      const worker = createTask(
        function* work() {
          yield* future;
        },
        { name: 'worker' },
      );
      createTask(
        function* manage() {
          yield* worker;
        },
        { name: 'boss' },
      );
      yield* settle();
      let text = '';
      printCallGraph(worker, { write: (more) => (text += more) });
      const here = String.raw`/.*call-graph\.test\.[jt]s:\d+:\d+`;
      assert.match(
        text,
        new RegExp(
          String.raw`^\* Task \d+ worker \(work\)
  \+ Call stack:
  \|   generator work \(${here}\)
  \+ Awaited by:
    \* Task \d+ boss \(manage\)
      \+ Call stack:
      \|   generator manage \(${here}\)
$`,
        ),
      );
      assert.match(
        formatCallGraph(future),
        /^\* <Future pending>\n {2}\+ Awaited by:\n {4}\* Task \d+ worker/,
      );
    }),
  );
});
