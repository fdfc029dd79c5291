import { allTasks, currentTask, Future, isFuture, Task } from '../coroutines/index.ts';
import { type Future as FutureInterface, StateError } from '../interface/index.ts';
import { runningLoop } from '../loop/index.ts';
import { AwaitGraph } from './await-graph.ts';
import { formatFrame, type StackFrame } from './stack.ts';
import { taskId } from './task-id.ts';
import { coroutineName, framesOf } from './task-insight.ts';

/** A future, where its code stands, and who waits for it. */
export interface CallGraph {
  readonly future: FutureInterface<unknown>;
  /** innermost first; empty for a future that is no task, and where nobody knows */
  readonly frames: readonly StackFrame[];
  /** the tasks that wait for it, directly or by a group, gather, shield, wait … */
  readonly awaitedBy: readonly CallGraph[];
  /** It stands in this graph already, with its frames and awaiters: they are not repeated here. */
  readonly repeated: boolean;
}

export interface CallGraphOptions {
  /** frames of each stack: the innermost if positive, the outermost if negative; all unless given */
  limit?: number | null | undefined;
}

/**
 * The call graph of a future: its own frames, and recursively the tasks that wait for it.
 *
 * JavaScript cannot read the stack of a suspended generator. In debug mode it is recorded at each wait; otherwise the
 * graph has the place of each task's outermost generator, if the runtime tells, and names.
 *
 * @param future the present task unless given; then null is returned where there is none, in a callback
 * @throws {StateError} no future was given and no loop runs
 * @throws {TypeError} not a future, or not a number of frames
 * @see asyncio.capture_call_graph
 */
export function captureCallGraph(
  future?: FutureInterface<unknown> | null,
  options: CallGraphOptions = {},
): CallGraph | null {
  const limit = options.limit ?? null;
  if (limit !== null && !Number.isInteger(limit)) {
    throw new TypeError('Cannot capture the call graph: the limit is no whole number of frames');
  }
  let start = future ?? null;
  if (start === null) {
    if (runningLoop() === null) {
      throw new StateError(
        'ERR_NO_RUNNING_LOOP',
        'Cannot capture the call graph: no loop runs, and no future was given to look at',
      );
    }
    start = currentTask();
    if (start === null) return null;
  }
  if (!isFuture(start)) throw new TypeError('Cannot capture the call graph: not a future');
  return capture(start, limit);
}

/** How far lines are set in: a chain of thousands of tasks would fill the memory with blanks. */
const depthMax = 30;

interface Node {
  readonly future: FutureInterface<unknown>;
  frames: StackFrame[];
  awaitedBy: Node[];
  repeated: boolean;
}

function capture(start: FutureInterface<unknown>, limit: number | null): CallGraph {
  const graph = new AwaitGraph(allTasks(start.getLoop()));
  const root: Node = { future: start, frames: [], awaitedBy: [], repeated: false };
  const nodes: Node[] = [];
  const seen = new Set<unknown>();
  // Not by recursion: chains of tasks may be longer than the stack. In the order in which it is printed.
  const open = [root];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    node.repeated = seen.has(node.future);
    if (node.repeated) continue;
    seen.add(node.future);
    nodes.push(node);
    node.awaitedBy = graph
      .awaitersOf(node.future)
      .map(({ task }) => ({ future: task, frames: [], awaitedBy: [], repeated: false }));
    open.push(...[...node.awaitedBy].reverse());
  }
  const tasks = nodes.map((node) => node.future).filter((each) => each instanceof Task);
  const frames = framesOf(tasks);
  for (const node of nodes) {
    const own = node.future instanceof Task ? (frames.get(node.future) ?? []) : [];
    if (limit === null) node.frames = own;
    else if (limit >= 0) node.frames = own.slice(0, limit);
    else node.frames = own.slice(limit);
  }
  return root;
}

/**
 * The call graph as text.
 *
 * @returns '' where `captureCallGraph` gives null
 * @see asyncio.format_call_graph
 */
export function formatCallGraph(
  future?: FutureInterface<unknown> | null,
  options?: CallGraphOptions,
): string {
  const root = captureCallGraph(future, options);
  if (root === null) return '';
  const lines: string[] = [];
  const open: { node: CallGraph; depth: number }[] = [{ node: root, depth: 0 }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { node, depth } = next;
    const margin = '    '.repeat(Math.min(depth, depthMax));
    const level = depth > depthMax ? `[${depth}] ` : '';
    lines.push(`${margin}* ${level}${nameOf(node.future)}${node.repeated ? ' (see above)' : ''}`);
    if (node.frames.length > 0) {
      lines.push(`${margin}  + Call stack:`);
      for (const frame of node.frames) lines.push(`${margin}  |   ${formatFrame(frame)}`);
    }
    if (node.awaitedBy.length > 0) lines.push(`${margin}  + Awaited by:`);
    for (const awaiter of [...node.awaitedBy].reverse()) open.push({ node: awaiter, depth: depth + 1 });
  }
  return lines.join('\n');
}

/** Writes the call graph to standard error, or wherever `write` takes it. @see asyncio.print_call_graph */
export function printCallGraph(
  future?: FutureInterface<unknown> | null,
  options: CallGraphOptions & { write?: ((text: string) => void) | undefined } = {},
): void {
  const text = formatCallGraph(future, options);
  if (text === '') return;
  const write = options.write ?? ((line: string) => void process.stderr.write(line));
  write(`${text}\n`);
}

function nameOf(future: FutureInterface<unknown>): string {
  if (future instanceof Task) {
    const coroutine = coroutineName(future);
    return `Task ${taskId(future)} ${future.getName()}${coroutine === '' ? '' : ` (${coroutine})`}`;
  }
  return future instanceof Future ? future.shortName() : String(future);
}
