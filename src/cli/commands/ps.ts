import { coroutine } from '../../coroutines/index.ts';
import {
  askProcess,
  formatSnapshotHead,
  formatTaskTable,
  formatWhyRunning,
  type LoopSnapshot,
  type WhyRunning,
} from '../../debug/index.ts';
import type { Suspension } from '../../interface/index.ts';

/** How a process is looked into. */
export interface LookOptions {
  /** milliseconds for its answer */
  timeout: number;
  /** whether to find out where tasks stand */
  places: boolean;
}

/**
 * `tulipa ps PID`: the tasks of a running process.
 *
 * @param options `why`: not the tasks, but what keeps the process running
 * @returns the exit code
 * @throws {AskProcessError} it cannot be looked into
 */
export const psCommand = coroutine(function* (
  pid: number,
  { why, places, timeout }: LookOptions & { why: boolean },
): Generator<Suspension, number, unknown> {
  const { answers, silent } = yield* askProcess(pid, why ? { ask: 'why' } : { ask: 'tasks', places }, {
    timeout,
  });
  if (why) {
    process.stdout.write(`${answers.map((answer) => formatWhyRunning(answer as WhyRunning)).join('\n\n')}\n`);
  } else {
    const snapshots = answers as readonly LoopSnapshot[];
    const heads = snapshots.map((snapshot) => `${formatSnapshotHead(snapshot)}\n`).join('');
    process.stdout.write(`${heads}${formatTaskTable(snapshots)}\n`);
  }
  return tellOfSilent(pid, silent);
});

/** @returns the exit code */
export function tellOfSilent(pid: number, threads: readonly number[]): number {
  for (const thread of threads) {
    const which = thread === 0 ? 'the main thread' : `thread ${thread}`;
    process.stderr.write(`tulipa: ${which} of process ${pid} does not answer: its loop is blocked\n`);
  }
  return threads.length === 0 ? 0 : 1;
}
