import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { describe, it } from 'node:test';
import { realKinds } from '../contract/kinds.ts';
import { programCommand } from '../support/run-program.ts';

const signalsMin = 50;

describe('a storm of signals', { concurrency: 2, skip: process.platform === 'win32' }, () => {
  for (const kind of realKinds) {
    const { driver, runner } = kind;
    it(`interrupts waits and I/O on the ${kind} loop as often as it likes, and loses nothing`, {
      timeout: 60_000,
    }, async () => {
      const { command, args } = programCommand(
        'test/support/programs/stormy.ts',
        driver,
        runner,
        String(signalsMin),
      );
      const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'], timeout: 50_000 });
      const exited = once(child, 'exit');
      const lines = createInterface({ input: child.stdout });
      await once(lines, 'line');
      // As fast as a process can.
      const storm = spawn('sh', ['-c', `while kill -USR2 ${child.pid}; do :; done 2>/dev/null`]);
      const over = once(storm, 'exit');
      try {
        const [line] = await once(lines, 'line');
        assert.ok(JSON.parse(line).signals >= signalsMin);
        storm.kill();
        await over;
        child.kill('SIGTERM');
        assert.deepEqual(await exited, [0, null]);
      } finally {
        storm.kill();
        child.kill('SIGKILL');
        await over;
      }
    });
  }
});
