import { relative } from 'node:path';
import { formatDuration } from './describe-awaited.ts';
import type { AwaiterRow, LoopSnapshot, TaskRow } from './snapshot.ts';
import { isLibraryFile, type StackFrame } from './stack.ts';
import { formatColumns, printable } from './text.ts';

const head = ['THREAD', 'ID', 'NAME', 'COROUTINE', 'STATE', 'AWAITS', 'FOR', 'WHERE', 'AWAITED BY'];

/** Awaiters of awaiters that are told of in a row. */
const chainMax = 8;

/**
 * One row for each task of the loops: thread, id, name, the stack of its coroutines, what it waits for, how long and
 * where, and the chain of those who wait for it. What is missing in a row is left out.
 *
 * @see `python -m asyncio ps`
 */
export function formatTaskTable(snapshots: readonly LoopSnapshot[]): string {
  const rows = [head];
  for (const snapshot of snapshots) {
    const byId = new Map(snapshot.tasks.map((task) => [task.id, task]));
    for (const task of snapshot.tasks) {
      rows.push([
        String(snapshot.thread),
        String(task.id),
        nameOf(task),
        coroutineStack(task),
        `${task.state ?? '?'}${task.cancelling === true ? ', cancelling' : ''}`,
        printable((task.awaits ?? []).join(', ')),
        task.waitingFor == null ? '' : formatDuration(task.waitingFor),
        printable(placeOf(task.frames ?? [], snapshot.directory)),
        awaiterChain(task, byId),
      ]);
    }
  }
  return formatColumns(rows);
}

/** One line about a loop. */
export function formatSnapshotHead(snapshot: LoopSnapshot): string {
  const { pid, thread, node, driver, debug, taskCount, tasks } = snapshot;
  const count = `${taskCount} task${taskCount === 1 ? '' : 's'}`;
  const shown = tasks.length < taskCount ? `${count}, of which the oldest ${tasks.length} follow` : count;
  const where = thread === 0 ? '' : `, thread ${thread}`;
  return `process ${pid}${where}: Node ${printable(node)}, loop ${printable(driver)}${debug ? ', debug mode' : ''}, ${shown}`;
}

export function nameOf(task: TaskRow): string {
  return printable(task.name || '(unnamed)');
}

/** `main > fetch > sleep`: the functions on the stack, the outermost first, each repetition once. */
export function coroutineStack(task: TaskRow): string {
  const names: string[] = [];
  for (const { name } of [...(task.frames ?? [])].reverse()) {
    if (name !== '' && name !== names.at(-1)) names.push(name);
  }
  return printable(names.length === 0 ? task.coroutine : names.join(' > '));
}

/** Where the program itself waits: the innermost frame that is not this library's. */
export function placeOf(frames: readonly StackFrame[], directory: string): string {
  const frame = frames.find(({ file }) => file !== null && !isOfLibrary(file)) ?? frames[0];
  if (frame?.file == null) return '';
  const path = frame.file.startsWith('/')
    ? shorter(relative(directory || '/', frame.file), frame.file)
    : frame.file;
  return frame.line === null ? path : `${path}:${frame.line}`;
}

/** Also of a copy of the library that another process has loaded. */
function isOfLibrary(file: string): boolean {
  return isLibraryFile(file) || /[\\/]node_modules[\\/]tulipa[\\/]/.test(file);
}

function shorter(a: string, b: string): string {
  return a.length < b.length ? a : b;
}

function awaiterChain(task: TaskRow, byId: ReadonlyMap<number, TaskRow>): string {
  const links: string[] = [];
  const seen = new Set([task.id]);
  let awaiters = unique(task.awaitedBy ?? []);
  while (awaiters.length > 0) {
    if (links.length === chainMax) {
      links.push('…');
      break;
    }
    links.push(awaiters.map((awaiter) => describeAwaiter(awaiter, byId)).join(', '));
    const [next] = awaiters;
    // From where there are several on, each has a row that tells the rest; a circle has no end to tell.
    if (awaiters.length > 1 || next === undefined || seen.has(next.id)) break;
    seen.add(next.id);
    awaiters = unique(byId.get(next.id)?.awaitedBy ?? []);
  }
  return links.join(' < ');
}

function describeAwaiter({ id, via }: AwaiterRow, byId: ReadonlyMap<number, TaskRow>): string {
  const task = byId.get(id);
  const name = task === undefined ? `${id}` : `${id} ${nameOf(task)}`;
  return (via?.length ?? 0) === 0 ? name : `${name} (${printable(via.join(', '))})`;
}

function unique(awaiters: readonly AwaiterRow[]): AwaiterRow[] {
  return [
    ...new Map(awaiters.filter(({ id }) => id != null).map((awaiter) => [awaiter.id, awaiter])).values(),
  ];
}
