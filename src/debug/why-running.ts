import { allTasks } from '../coroutines/index.ts';
import {
  type DescriptorWait,
  type EventLoop as EventLoopInterface,
  NotSupportedError,
} from '../interface/index.ts';
import { getRunningLoop, type LoopTimerHandle } from '../loop/index.ts';
import { EventLoop } from '../runtime/index.ts';
import { AwaitGraph } from './await-graph.ts';
import { describeAwaited, formatDuration, timersByFuture } from './describe-awaited.ts';
import { livePastLoop } from './past-loop.ts';
import { describeStep } from './runnable-name.ts';
import { taskId } from './task-id.ts';
import { stateOf } from './task-insight.ts';
import { printable } from './text.ts';
import { describeResource } from './unclosed.ts';

/** What a loop still has to do, in words. */
export interface WhyRunning {
  /** those that keep the process alive: not after `unref` */
  readonly timers: readonly string[];
  readonly servers: readonly string[];
  /** connections, datagram endpoints and pipes */
  readonly transports: readonly string[];
  /** who waits for descriptors of the program's own: readers, writers, operations on sockets */
  readonly descriptors: readonly string[];
  readonly tasks: readonly string[];
  /** handlers of signals, which do not keep the process alive by themselves */
  readonly signals: readonly string[];
  /** callbacks that are queued to run */
  readonly queued: number;
  /** what the runtime itself has open, by kind; what the loop's driver has opened by it is counted here too */
  readonly host: Readonly<Record<string, number>>;
  /** of what the runtime has open, who asked for it past the loop; known while a meter of `watchPastLoop` runs */
  readonly pastLoop: readonly string[];
}

/**
 * Why the process does not end: timers, transports, servers, watched descriptors and pending tasks of a loop, by name, and
 * what the runtime has open besides.
 *
 * @throws {StateError} no loop was given and none runs
 * @throws {NotSupportedError} a foreign loop, which shows nobody what it has in hand
 */
export function whyRunning(loop: EventLoopInterface = getRunningLoop()): WhyRunning {
  if (!(loop instanceof EventLoop)) {
    throw new NotSupportedError(
      'whyRunning',
      loop.constructor.name,
      'Cannot tell why it runs: it is a foreign loop, which shows nobody what it has in hand',
    );
  }
  const { timers, servers, transports, signals, waits, queued } = loop.inspect();
  const now = loop.time();
  const tasks = [...allTasks(loop)];
  for (const task of tasks) taskId(task); // numbered in the order in which they are listed
  const graph = new AwaitGraph(tasks);
  const byFuture = timersByFuture(timers);
  const futureOf = new Map([...byFuture].map(([future, timer]) => [timer, future]));
  const describeTimer = (timer: LoopTimerHandle) => {
    const future = futureOf.get(timer);
    const [link] = future === undefined ? [] : graph.awaitersOf(future);
    const what =
      link === undefined
        ? timer.call?.callback.name || '(anonymous)'
        : `sleep of task ${taskId(link.task)} ${link.task.getName()}`;
    return printable(`${what}, due in ${formatDuration(Math.max(0, timer.when() - now))}`);
  };
  return {
    timers: timers.filter((timer) => timer.hasRef()).map(describeTimer),
    servers: servers.map((server) => printable(describeResource(server))),
    transports: transports.map((transport) =>
      printable(`${describeResource(transport)}${transport.isClosing() ? ', closing' : ''}`),
    ),
    descriptors: waits.map((wait) => printable(describeWait(wait))),
    tasks: tasks.map((task) => {
      const awaits = task.awaiting().of.map((awaited) => describeAwaited(awaited, byFuture, now));
      const doing = awaits.length === 0 ? stateOf(task) : `waits for ${awaits.join(', ')}`;
      return printable(`${taskId(task)} ${task.getName()}: ${doing}`);
    }),
    signals,
    queued,
    host: countResources(),
    pastLoop: livePastLoop().map(printable),
  };
}

function describeWait({ descriptor, direction, who }: DescriptorWait): string {
  if (typeof who === 'string') return `${who} on descriptor ${descriptor}`;
  return `${direction === 'read' ? 'reader' : 'writer'} of descriptor ${descriptor}: ${describeStep(who).name}`;
}

function countResources(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

/** As text, a line for each thing. */
export function formatWhyRunning(why: WhyRunning): string {
  const lines: string[] = [];
  const list = (heading: string, items: readonly string[] | undefined) => {
    if (items === undefined || items.length === 0) return;
    lines.push(`${heading}:`, ...items.map((item) => `  ${printable(item)}`));
  };
  list('tasks', why.tasks);
  list('timers', why.timers);
  list('servers', why.servers);
  list('transports', why.transports);
  list('descriptors', why.descriptors);
  list('signal handlers, which keep nothing alive', why.signals);
  if ((why.queued ?? 0) > 0) lines.push(`callbacks queued: ${why.queued}`);
  list(
    'open in the runtime',
    Object.entries(why.host ?? {}).map(([kind, count]) => `${count} × ${kind}`),
  );
  list('past the loop', why.pastLoop);
  return lines.length === 0 ? 'nothing is pending' : lines.join('\n');
}
