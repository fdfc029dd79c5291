import { type EventLoop, LoopError } from '../interface/index.ts';
import { formatDuration } from './describe-awaited.ts';
import { type LoopSnapshot, type TaskRow, takeSnapshot } from './snapshot.ts';
import { coroutineStack, nameOf, placeOf } from './task-table.ts';
import { printable } from './text.ts';

/** Tasks wait for each other in a circle: none of them will ever go on, and none is the root of a tree. */
export class AwaitCycleError extends LoopError<'ERR_AWAIT_CYCLE'> {
  override readonly name = 'AwaitCycleError';
  /** each circle once, every task waiting for the next, the last one for the first */
  readonly cycles: readonly (readonly TaskRow[])[];

  constructor(cycles: readonly (readonly TaskRow[])[]) {
    const described = cycles.map((cycle) =>
      [...cycle, ...cycle.slice(0, 1)].map((task) => `${task.id} ${nameOf(task)}`).join(' → '),
    );
    super('ERR_AWAIT_CYCLE', `Cannot draw the tree: tasks wait in a circle: ${described.join('; ')}`);
    this.cycles = cycles;
  }
}

/** How far lines are set in, in characters. */
const marginMax = 90;

export interface TaskTreeNode {
  readonly task: TaskRow;
  /** through what the node above waits for it */
  readonly via: readonly string[];
  /** the tasks it waits for */
  readonly children: readonly TaskTreeNode[];
  /** It stands in the tree already, with its children: they are not repeated here. */
  readonly repeated: boolean;
}

/** Who waits for whom. The text form is the tree drawn. */
export class TaskTree {
  readonly snapshot: LoopSnapshot;
  /** tasks that nobody waits for */
  readonly roots: readonly TaskTreeNode[];

  /** @throws {AwaitCycleError} */
  constructor(snapshot: LoopSnapshot) {
    this.snapshot = snapshot;
    this.roots = grow(snapshot.tasks);
  }

  toString(): string {
    const lines: string[] = [];
    const open: { node: TaskTreeNode; first: string; rest: string }[] = [];
    const push = (nodes: readonly TaskTreeNode[], margin: string, isRoot: boolean) => {
      for (const [index, node] of [...nodes].reverse().entries()) {
        const last = index === 0;
        open.push({
          node,
          first: isRoot ? '' : `${margin}${last ? '└─ ' : '├─ '}`,
          // A chain of thousands of tasks would fill the memory with blanks.
          rest: isRoot || margin.length > marginMax ? margin : `${margin}${last ? '   ' : '│  '}`,
        });
      }
    };
    push(this.roots, '', true);
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      lines.push(`${next.first}${this.#describe(next.node)}`);
      push(next.node.children, next.rest, false);
    }
    return lines.join('\n');
  }

  #describe({ task, via, repeated }: TaskTreeNode): string {
    const stack = coroutineStack(task);
    const who = [`${task.id} ${nameOf(task)}`];
    if (stack !== '') who.push(`(${stack})`);
    if (via.length > 0) who.push(`by ${printable(via.join(', '))}`);
    if (repeated) return [...who, '(see above)'].join(' ');
    const awaits = (task.awaits ?? []).join(', ');
    const what = [awaits === '' ? (task.state ?? '?') : `waits for ${printable(awaits)}`];
    if (task.waitingFor != null) what.push(`for ${formatDuration(task.waitingFor)}`);
    const place = placeOf(task.frames ?? [], this.snapshot.directory);
    if (place !== '') what.push(`at ${printable(place)}`);
    if (task.cancelling === true) what.push('(cancelling)');
    return `${who.join(' ')}: ${what.join(' ')}`;
  }
}

/**
 * The tree of a loop's tasks: roots are those that nobody waits for, and every task is in it.
 *
 * @throws {AwaitCycleError} some wait for each other in a circle
 * @throws {StateError} no loop was given and none runs
 * @see `python -m asyncio pstree`
 */
export function taskTree(loop?: EventLoop): TaskTree {
  return new TaskTree(takeSnapshot(loop));
}

interface Growing {
  readonly task: TaskRow;
  readonly via: readonly string[];
  readonly children: Growing[];
  repeated: boolean;
}

function grow(tasks: readonly TaskRow[]): Growing[] {
  const byId = new Map(tasks.map((task) => [task.id, task]));
  const awaited = new Map<number, { task: TaskRow; via: readonly string[] }[]>();
  const roots: Growing[] = [];
  for (const task of byId.values()) {
    // Awaiters that are not in the list are no reason to lose the task.
    const awaiters = (task.awaitedBy ?? []).filter(({ id }) => byId.has(id));
    if (awaiters.length === 0) roots.push({ task, via: [], children: [], repeated: false });
    const seen = new Set<number>();
    for (const { id, via } of awaiters) {
      if (seen.has(id)) continue;
      seen.add(id);
      const list = awaited.get(id) ?? [];
      list.push({ task, via: via ?? [] });
      awaited.set(id, list);
    }
  }
  const cycles = findCycles(tasks, (task) => (awaited.get(task.id) ?? []).map((link) => link.task));
  if (cycles.length > 0) throw new AwaitCycleError(cycles);
  const shown = new Set<number>();
  // In the order in which they are drawn, so that what is not repeated is really above.
  const open = [...roots].reverse();
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    node.repeated = shown.has(node.task.id);
    if (node.repeated) continue;
    shown.add(node.task.id);
    for (const { task, via } of awaited.get(node.task.id) ?? []) {
      node.children.push({ task, via, children: [], repeated: false });
    }
    open.push(...[...node.children].reverse());
  }
  return roots;
}

/** One circle for each knot of tasks that wait for each other, by a walk that marks where it has been. */
function findCycles(tasks: readonly TaskRow[], next: (task: TaskRow) => readonly TaskRow[]): TaskRow[][] {
  const cycles: TaskRow[][] = [];
  const visited = new Set<number>();
  for (const start of tasks) {
    if (visited.has(start.id)) continue;
    const path: { task: TaskRow; left: TaskRow[] }[] = [];
    const onPath = new Map<number, number>();
    const enter = (task: TaskRow) => {
      visited.add(task.id);
      onPath.set(task.id, path.length);
      path.push({ task, left: [...next(task)] });
    };
    enter(start);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const task = top.left.pop();
      if (task === undefined) {
        path.pop();
        onPath.delete(top.task.id);
        continue;
      }
      const at = onPath.get(task.id);
      if (at !== undefined) cycles.push(path.slice(at).map((entry) => entry.task));
      else if (!visited.has(task.id)) enter(task);
    }
  }
  return cycles;
}
