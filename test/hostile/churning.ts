import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import type { LoopKind } from '../contract/kinds.ts';
import type { Options, Outcome } from '../support/programs/churn.ts';
import { programCommand } from '../support/run-program.ts';

/** Runs the churn in a process of its own, and asserts that nothing went wrong in it. */
export async function churn(
  { options: { driver, runner } }: LoopKind,
  options: Omit<Options, 'driver' | 'runner'>,
  flags: readonly string[] = [],
): Promise<Outcome> {
  const { command, args } = programCommand(
    'test/support/programs/churn.ts',
    JSON.stringify({ driver, runner, ...options }),
  );
  const child = spawn(command, ['--expose-gc', ...flags, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 60_000 + 3 * options.duration,
    killSignal: 'SIGKILL',
  });
  const ended = new Promise((resolve) => child.on('close', (code, signal) => resolve(signal ?? code)));
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  assert.equal(code, 0, stderr);
  assert.equal(stderr, '');
  const outcome: Outcome = JSON.parse(stdout);
  assert.deepEqual(outcome.wrong, []);
  assert.ok(outcome.connections >= options.connections);
  const [before, ...after] = outcome.idle.map(({ descriptors }) => descriptors);
  for (const descriptors of after) assert.equal(descriptors, before, 'descriptors are left');
  return outcome;
}
