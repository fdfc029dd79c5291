import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  formatSnapshotHead,
  formatTaskTable,
  type LoopSnapshot,
  type TaskRow,
  takeSnapshot,
} from '../../src/debug/index.ts';
import {
  coroutine,
  createTask,
  currentTask,
  Future,
  gather,
  newEventLoop,
  run,
  StateError,
  type Suspension,
  sleep,
  taskGroup,
  wrapFuture,
} from '../../src/index.ts';

const far = 3_600_000;

function* settle(): Generator<Suspension, void, unknown> {
  for (let turns = 0; turns < 5; turns++) yield;
}

function rowOf(snapshot: LoopSnapshot, name: string): TaskRow {
  const row = snapshot.tasks.find((task) => task.name === name);
  assert.ok(row, `no row for ${name}`);
  return row;
}

const rest = coroutine(function* rest(): Generator<Suspension, void, unknown> {
  yield* sleep(far);
});

describe('a snapshot of the tasks', () => {
  it('has a row for each task: id, name, coroutine, state, what it awaits, for how long, where, and its awaiters (B-TOOLS-001)', () =>
    run(
      function* main() {
        const worker = createTask(rest(), { name: 'worker' });
        createTask(
          function* manage() {
            yield* gather([worker, createTask(rest(), { name: 'other' })]);
          },
          { name: 'boss' },
        );
        yield* settle();
        const snapshot = takeSnapshot();
        assert.equal(snapshot.pid, process.pid);
        assert.equal(snapshot.thread, 0);
        assert.equal(snapshot.taskCount, 4);
        assert.equal(new Set(snapshot.tasks.map(({ id }) => id)).size, 4);
        const row = rowOf(snapshot, 'worker');
        assert.equal(row.coroutine, 'rest');
        assert.equal(row.state, 'waiting');
        assert.match(String(row.awaits), /^sleep, due in (?:59 min \d+ s|1 h 0 min)$/);
        assert.ok(row.waitingFor !== null && row.waitingFor >= 0 && row.waitingFor < 60_000);
        assert.equal(row.frames.at(-1)?.name, 'rest');
        const boss = rowOf(snapshot, 'boss');
        assert.deepEqual(row.awaitedBy, [{ id: boss.id, via: ['gather'] }]);
        assert.deepEqual(boss.awaits, ['gather of 2']);
        assert.deepEqual(boss.awaitedBy, []);
        const main = snapshot.tasks.find(({ state }) => state === 'running');
        assert.equal(main?.coroutine, 'main');
        assert.equal(main?.waitingFor, null);
        assert.deepEqual(
          takeSnapshot().tasks.map(({ id }) => id),
          snapshot.tasks.map(({ id }) => id),
        );
      },
      { debug: false },
    ));

  it('tells how tasks stand that wait for nothing the loop knows of (B-TOOLS-001)', () =>
    run(function* () {
      createTask(
        function* () {
          for (;;) yield;
        },
        { name: 'ready' },
      );
      let resolve = () => {};
      const promise = new Promise<void>((settled) => {
        resolve = settled;
      });
      createTask(() => promise, { name: 'native' });
      createTask(
        function* () {
          yield* wrapFuture(promise);
        },
        { name: 'wrapped' },
      );
      const released = new Future<void>();
      const stubborn = createTask(
        function* () {
          try {
            yield* sleep(far);
          } finally {
            yield* released;
          }
        },
        { name: 'stubborn' },
      );
      yield* settle();
      stubborn.cancel();
      yield* settle();
      const snapshot = takeSnapshot();
      assert.equal(rowOf(snapshot, 'ready').state, 'ready');
      assert.equal(rowOf(snapshot, 'native').state, 'foreign');
      assert.deepEqual(rowOf(snapshot, 'wrapped').awaits, ['a foreign Promise']);
      assert.equal(rowOf(snapshot, 'stubborn').cancelling, true);
      assert.deepEqual(rowOf(snapshot, 'stubborn').awaits, ['future']);
      released.setResult();
      resolve();
    }));

  it('has the whole stack of coroutines in debug mode (B-TOOLS-001)', () =>
    run(
      function* main() {
        createTask(
          function* outer() {
            yield* rest();
          },
          { name: 'worker' },
        );
        yield* settle();
        assert.deepEqual(
          rowOf(takeSnapshot(), 'worker').frames.map(({ name }) => name),
          ['sleep', 'rest', 'outer'],
        );
        assert.match(formatTaskTable([takeSnapshot()]), / outer > rest > sleep /);
      },
      { debug: true },
    ));

  it('can be had without places, and of some tasks only', () =>
    run(function* () {
      createTask(rest(), { name: 'worker' });
      yield* settle();
      assert.deepEqual(rowOf(takeSnapshot(undefined, { places: false }), 'worker').frames, []);
      const first = takeSnapshot(undefined, { tasksMax: 1 });
      assert.deepEqual([first.tasks.length, first.taskCount], [1, 2]);
      assert.match(formatSnapshotHead(first), /2 tasks, of which the oldest 1 follow$/);
    }));

  it('needs a loop', () => {
    assert.throws(() => takeSnapshot(), StateError);
    const loop = newEventLoop();
    assert.deepEqual(takeSnapshot(loop).tasks, []);
    loop.close();
  });

  it('is plain data', () =>
    run(function* () {
      createTask(() =>
        taskGroup(function* (group) {
          group.createTask(rest());
          yield;
        }),
      );
      yield* settle();
      const snapshot = takeSnapshot();
      assert.deepEqual(JSON.parse(JSON.stringify(snapshot)), snapshot);
      assert.ok(currentTask());
    }));
});

/** A snapshot as another version might send it. */
function received(tasks: readonly unknown[]): LoopSnapshot {
  const about = { pid: 7, thread: 0, node: 'v1', driver: 'node', debug: false, directory: '/app' };
  return { ...about, taskCount: tasks.length, tasks: tasks as TaskRow[] };
}

function row(fields: Partial<TaskRow> & { id: number }): TaskRow {
  return {
    name: `t${fields.id}`,
    coroutine: '',
    state: 'waiting',
    cancelling: false,
    awaits: [],
    waitingFor: null,
    frames: [],
    awaitedBy: [],
    ...fields,
  };
}

/** The cells of a table, by heading. */
function cells(table: string): Record<string, string>[] {
  const [head = '', ...lines] = table.split('\n');
  const starts = [...head.matchAll(/\S+(?: BY)?/g)].map((match) => ({ name: match[0], at: match.index }));
  return lines.map((line) =>
    Object.fromEntries(
      starts.map(({ name, at }, index) => [name, line.slice(at, starts[index + 1]?.at).trim()]),
    ),
  );
}

describe('the table of tasks', () => {
  it('has thread, id, name, stack, and the chain of awaiters with their names and ids (B-TOOLS-001)', () => {
    const frame = (name: string, line: number) =>
      ({ name, file: '/app/src/work.ts', line, column: 3, kind: 'generator' }) as const;
    const snapshot = received([
      row({ id: 1, name: 'main', coroutine: 'main', awaits: ['gather of 1'], waitingFor: 61_000 }),
      row({ id: 2, name: 'boss', coroutine: 'manage', awaitedBy: [{ id: 1, via: ['gather'] }] }),
      row({
        id: 3,
        name: 'worker',
        coroutine: 'work',
        awaits: ['sleep, due in 5 ms'],
        waitingFor: 1234,
        frames: [frame('deep', 12), frame('work', 30)],
        awaitedBy: [{ id: 2, via: [] }],
        cancelling: true,
      }),
    ]);
    assert.deepEqual(cells(formatTaskTable([snapshot, { ...snapshot, thread: 4, tasks: [] }])), [
      {
        THREAD: '0',
        ID: '1',
        NAME: 'main',
        COROUTINE: 'main',
        STATE: 'waiting',
        AWAITS: 'gather of 1',
        FOR: '1 min 1 s',
        WHERE: '',
        'AWAITED BY': '',
      },
      {
        THREAD: '0',
        ID: '2',
        NAME: 'boss',
        COROUTINE: 'manage',
        STATE: 'waiting',
        AWAITS: '',
        FOR: '',
        WHERE: '',
        'AWAITED BY': '1 main (gather)',
      },
      {
        THREAD: '0',
        ID: '3',
        NAME: 'worker',
        COROUTINE: 'work > deep',
        STATE: 'waiting, cancelling',
        AWAITS: 'sleep, due in 5 ms',
        FOR: '1.2 s',
        WHERE: 'src/work.ts:12',
        'AWAITED BY': '2 boss < 1 main (gather)',
      },
    ]);
  });

  it('tolerates awaiters that are missing, tasks without names and frames told twice (B-TOOLS-003)', () => {
    const frame = { name: 'work', file: null, line: null, column: null, kind: 'generator' } as const;
    const table = cells(
      formatTaskTable([
        received([
          row({ id: 1, name: '', frames: [frame, frame, frame], awaitedBy: [{ id: 99, via: [] }] }),
          { id: 2, awaitedBy: [{ via: ['gather'] }, { id: 1 }, { id: 1, via: ['wait'] }] },
          { id: 3, name: null, frames: null, awaits: null, awaitedBy: null },
        ]),
      ]),
    );
    assert.deepEqual(
      table.map((task) => [task['NAME'], task['COROUTINE'], task['AWAITED BY']]),
      [
        ['(unnamed)', 'work', '99'],
        ['(unnamed)', '', '1 (unnamed) (wait) < 99'],
        ['(unnamed)', '', ''],
      ],
    );
  });

  it('ends the chain of awaiters where it goes round, and where it gets long', () => {
    const circle = received([
      row({ id: 1, awaitedBy: [{ id: 2, via: [] }] }),
      row({ id: 2, awaitedBy: [{ id: 1, via: [] }] }),
    ]);
    assert.equal(cells(formatTaskTable([circle]))[0]?.['AWAITED BY'], '2 t2 < 1 t1');
    const long = received(
      Array.from({ length: 50 }, (_, id) => row({ id, awaitedBy: [{ id: id + 1, via: [] }] })),
    );
    assert.match(cells(formatTaskTable([long]))[0]?.['AWAITED BY'] ?? '', /^1 t1 < .* < 8 t8 < …$/);
  });

  it('shows no control characters of names: they are commands to a terminal', () => {
    const text = formatTaskTable([
      received([row({ id: 1, name: 'a\u001b[2J\n\u0007\u009b\u2028', coroutine: '\r', awaits: ['\t'] })]),
    ]);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
    assert.doesNotMatch(text.replaceAll('\n', ''), /[\u0000-\u001f\u007f-\u009f\u2028]/);
    assert.match(text, /a\\x1b\[2J\\x0a\\x07\\x9b\\x2028/);
    assert.equal(text.split('\n').length, 2);
  });
});
