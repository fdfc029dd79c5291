import { coroutine } from '../../coroutines/index.ts';
import { askProcess, formatSnapshotHead, type LoopSnapshot, TaskTree } from '../../debug/index.ts';
import type { Suspension } from '../../interface/index.ts';
import { type LookOptions, tellOfSilent } from './ps.ts';

/**
 * `tulipa pstree PID`: who waits for whom in a running process.
 *
 * @returns the exit code
 * @throws {AskProcessError} it cannot be looked into
 * @throws {AwaitCycleError} tasks wait for each other in a circle
 */
export const pstreeCommand = coroutine(function* (
  pid: number,
  { places, timeout }: LookOptions,
): Generator<Suspension, number, unknown> {
  const { answers, silent } = yield* askProcess(pid, { ask: 'tasks', places }, { timeout });
  for (const snapshot of answers as readonly LoopSnapshot[]) {
    process.stdout.write(`${formatSnapshotHead(snapshot)}\n${new TaskTree(snapshot)}\n`);
  }
  return tellOfSilent(pid, silent);
});
