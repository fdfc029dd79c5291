import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  AwaitCycleError,
  type LoopSnapshot,
  type TaskRow,
  TaskTree,
  taskTree,
} from '../../src/debug/index.ts';
import {
  createTask,
  Future,
  gather,
  run,
  type Suspension,
  sleep,
  type Task,
  taskGroup,
  wait,
} from '../../src/index.ts';

const far = 3_600_000;

function* settle(): Generator<Suspension, void, unknown> {
  for (let turns = 0; turns < 5; turns++) yield;
}

/** Tasks named by their ids, each with the ids of those who wait for it. */
function snapshotOf(awaiters: Record<number, readonly number[]>): LoopSnapshot {
  const tasks = Object.entries(awaiters).map(
    ([id, awaitedBy]): TaskRow => ({
      id: Number(id),
      name: `t${id}`,
      coroutine: '',
      state: 'waiting',
      cancelling: false,
      awaits: ['x'],
      waitingFor: null,
      frames: [],
      awaitedBy: awaitedBy.map((awaiter) => ({ id: awaiter, via: [] })),
    }),
  );
  const about = { pid: 7, thread: 0, node: 'v1', driver: 'node', debug: false, directory: '/app' };
  return { ...about, taskCount: tasks.length, tasks };
}

/** The tree drawn, with the names alone. */
function drawing(snapshot: LoopSnapshot): string[] {
  return String(new TaskTree(snapshot))
    .split('\n')
    .map((line) => line.replace(/\d+ (t\d+)(?:: waits for x)?/, '$1'));
}

function cyclesOf(snapshot: LoopSnapshot): string[][] {
  try {
    new TaskTree(snapshot);
  } catch (error) {
    assert.ok(error instanceof AwaitCycleError);
    return error.cycles.map((cycle) => cycle.map(({ name }) => name));
  }
  assert.fail('there is no cycle');
}

describe('the tree of tasks', () => {
  it('starts at tasks that nobody awaits and shows every task (B-TOOLS-002)', () => {
    assert.deepEqual(drawing(snapshotOf({ 1: [], 2: [1], 3: [1], 4: [3], 5: [2], 6: [] })), [
      't1',
      '├─ t2',
      '│  └─ t5',
      '└─ t3',
      '   └─ t4',
      't6',
    ]);
  });

  it('shows what several wait for once in full (B-TOOLS-002)', () => {
    assert.deepEqual(drawing(snapshotOf({ 1: [], 2: [1], 3: [1, 2], 4: [3] })), [
      't1',
      '├─ t2',
      '│  └─ t3',
      '│     └─ t4',
      '└─ t3 (see above)',
    ]);
  });

  it('tolerates awaiters that are missing and told twice (B-TOOLS-003)', () => {
    assert.deepEqual(drawing(snapshotOf({ 1: [99], 2: [1, 1, 98] })), ['t1', '└─ t2']);
  });

  it('reports circles as an error that names the tasks, also of one task alone (B-TOOLS-002)', () => {
    assert.deepEqual(cyclesOf(snapshotOf({ 1: [1] })), [['t1']]);
    assert.deepEqual(cyclesOf(snapshotOf({ 1: [2], 2: [1] })), [['t1', 't2']]);
    assert.deepEqual(cyclesOf(snapshotOf({ 1: [], 2: [1, 4], 3: [2], 4: [3], 5: [5] })), [
      ['t2', 't3', 't4'],
      ['t5'],
    ]);
    assert.throws(() => new TaskTree(snapshotOf({ 1: [2], 2: [1] })), {
      code: 'ERR_AWAIT_CYCLE',
      message: 'Cannot draw the tree: tasks wait in a circle: 1 t1 → 2 t2 → 1 t1',
    });
  });

  it('finds circles, and draws, without end of the stack (B-TOOLS-002)', () => {
    const length = 20_000;
    const chain: Record<number, number[]> = { 0: [] };
    for (let id = 1; id < length; id++) chain[id] = [id - 1];
    assert.equal(drawing(snapshotOf(chain)).length, length);
    assert.equal(cyclesOf(snapshotOf({ ...chain, 0: [length - 1] }))[0]?.length, length);
  });

  it('of a running loop has its tasks, and how they wait for each other (B-TOOLS-002)', () =>
    run(
      function* main() {
        createTask(
          () =>
            taskGroup(function* (group) {
              const worker = group.createTask(() => sleep(far), { name: 'worker' });
              group.createTask(() => gather([worker]), { name: 'second' });
              yield* sleep(far);
            }),
          { name: 'parent' },
        );
        yield* settle();
        const lines = String(taskTree()).split('\n');
        const shapes = [
          /^\d+ Task-\d+ \(main\): running at /,
          /^\d+ parent \(task-tree\.test\.[jt]s:\d+\): waits for sleep, due in .* for [\d.]+ m?s/,
          /^├─ \d+ worker \(task-tree\.test\.[jt]s:\d+\) by task group: waits for sleep, due in .* for [\d.]+ m?s/,
          /^└─ \d+ second \(task-tree\.test\.[jt]s:\d+\) by task group: waits for gather of 1 for [\d.]+ m?s/,
          /^ {3}└─ \d+ worker \(task-tree\.test\.[jt]s:\d+\) by gather \(see above\)$/,
        ];
        assert.equal(lines.length, shapes.length);
        for (const [index, shape] of shapes.entries()) assert.match(lines[index] ?? '', shape);
      },
      { debug: false },
    ));

  it('of tasks that wait for each other is an error that names them (B-TOOLS-002)', () =>
    run(function* () {
      const broken = new Future<void>();
      const circle: Task<unknown>[] = [];
      for (const index of [0, 1]) {
        circle.push(
          createTask(
            function* () {
              yield;
              yield* gather([broken, circle[1 - index] as Task<unknown>]);
            },
            { name: `task ${'ab'[index]}` },
          ) as Task<unknown>,
        );
      }
      yield* settle();
      assert.throws(() => taskTree(), /in a circle: (\d+) task [ab] → \d+ task [ab] → \1 task [ab]$/);
      broken.setException(new Error('the circle is broken'));
      yield* wait(circle);
      for (const task of circle) task.exception();
    }));

  it('of a task that gathers itself is an error that names it (B-TOOLS-002)', () =>
    run(function* () {
      const broken = new Future<void>();
      let itself: Task<unknown> | null = null;
      itself = createTask(
        function* () {
          yield;
          yield* gather([broken, itself as Task<unknown>]);
        },
        { name: 'narcissus' },
      ) as Task<unknown>;
      yield* settle();
      assert.throws(() => taskTree(), /in a circle: (\d+) narcissus → \1 narcissus$/);
      broken.setException(new Error('the circle is broken'));
      yield* wait([itself]);
      itself.exception();
    }));
});
