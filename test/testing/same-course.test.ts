import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { createTask, sleep } from '../../src/coroutines/index.ts';
import { openConnection, startServer } from '../../src/streams/index.ts';
import { type Scenario, simulate, Trace } from '../../src/testing/index.ts';
import { collectAtOnce } from '../support/collect-garbage.ts';
import { programCommand, repositoryRoot, runMode } from '../support/run-program.ts';
import { digest } from './digests.ts';

const programs = Array.from({ length: 200 }, (_, number) => `program ${number}`);
const examples = ['lock', 'log'].flatMap((kind) =>
  Array.from({ length: 20 }, (_, seed) => `${kind} ${seed}`),
);
const courses = [...programs, ...examples];

const otherNode = join(repositoryRoot, 'node_modules', '.bin', 'node');

/** A peer goes on sending to who has dropped what it would read from. */
function dropsConnection(collect: () => void): Scenario<void> {
  return function* (sim) {
    sim.host('server', function* () {
      yield* startServer(
        function* (_reader, writer) {
          for (let sent = 0; ; sent += 10_000) {
            sim.say(`sent ${sent}`);
            yield* writer.write(new Uint8Array(10_000));
          }
        },
        { host: '0.0.0.0', port: 80 },
      );
      yield* sleep(1_000);
    });
    sim.host('client', function* () {
      yield* sleep(1);
      yield* createTask(function* () {
        yield* openConnection({ host: 'server', port: 80 });
      });
      yield* sleep(1_000);
    });
    sim.always(() => {
      collect();
      return true;
    });
    yield* sleep(500);
  };
}

async function digestsElsewhere(
  node: string,
  names: readonly string[] = courses,
  env: NodeJS.ProcessEnv = {},
): Promise<string[]> {
  const { args } = programCommand('test/support/programs/simulation-digests.ts', ...names);
  const options = { maxBuffer: 2 ** 24, env: { ...process.env, ...env } };
  const { stdout } = await promisify(execFile)(node, args, options);
  return stdout.trim().split('\n');
}

describe('one seed is one course of events', { timeout: 120_000 }, () => {
  const first: string[] = [];

  before(async () => {
    for (const course of courses) first.push(await digest(course));
  });

  it('in the same process, a second time', async () => {
    for (const [i, course] of courses.entries()) assert.equal(await digest(course), first[i]);
  });

  it('in another process', async () => {
    assert.deepEqual(await digestsElsewhere(process.execPath), first);
  });

  it('in debug mode, which looks at everything', async () => {
    const isLookedAt = (_: unknown, i: number) => i % 5 === 0;
    const digests = await digestsElsewhere(process.execPath, courses.filter(isLookedAt), {
      TULIPA_DEBUG: '1',
    });
    assert.deepEqual(digests, first.filter(isLookedAt));
  });

  it('whatever is collected meanwhile: also a connection that nobody has any more', async () => {
    const traced = async (collect: () => void) => {
      const trace = new Trace();
      await simulate(dropsConnection(collect), { trace });
      return trace.toString();
    };
    const course = await traced(() => {});
    assert.match(course, /sent 200000/);
    assert.equal(await traced(collectAtOnce), course);
  });

  // The built package, in both: the run on sources has nothing that an old Node could run.
  const skip = runMode === 'source' && 'compared where the package runs on an old Node, by test:compat';
  it('on the old Node and on the one of development', { skip }, async () => {
    assert.ok(existsSync(otherNode), 'the Node of development is installed by npm ci');
    assert.deepEqual(await digestsElsewhere(otherNode), first);
  });

  it('and the courses of different numbers differ', () => {
    assert.equal(new Set(first.map((line) => /, (\w+), ended/.exec(line)?.[1])).size, courses.length);
  });
});
