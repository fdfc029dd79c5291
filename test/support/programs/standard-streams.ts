// Copies the lines of standard input to standard output, then says how many there were, and whether both still block, as
// whoever else has them expects. For test/streams/standard-streams.test.ts.
import { readFileSync } from 'node:fs';
import { openStdin, openStdout, type RunnerKind, run } from 'tulipa';

const O_NONBLOCK = 0o4000;

function blocks(fd: number): boolean {
  const [, flags = ''] = /flags:\s+(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')) ?? [];
  return (Number.parseInt(flags, 8) & O_NONBLOCK) === 0;
}

const [, , driver, runner] = process.argv;
await run(
  function* () {
    const reader = yield* openStdin();
    const writer = yield* openStdout();
    let lines = 0;
    for (;;) {
      const line = yield* reader.readLine();
      if (line.length === 0) break;
      lines++;
      yield* writer.write(line);
    }
    const state = { lines, blocking: [blocks(0), blocks(1)] };
    yield* writer.write(`${JSON.stringify(state)}\n`);
    writer.close();
    yield* writer.waitClosed();
  },
  { driver, runner: runner as RunnerKind },
);
