import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { programCommand, repositoryRoot, runMode } from '../support/run-program.ts';
import { digest } from './digests.ts';

const programs = Array.from({ length: 200 }, (_, number) => `program ${number}`);
const examples = ['lock', 'log'].flatMap((kind) =>
  Array.from({ length: 20 }, (_, seed) => `${kind} ${seed}`),
);
const courses = [...programs, ...examples];

const otherNode = join(repositoryRoot, 'node_modules', '.bin', 'node');

async function digestsElsewhere(node: string): Promise<string[]> {
  const { args } = programCommand('test/support/programs/simulation-digests.ts', ...courses);
  const { stdout } = await promisify(execFile)(node, args, { maxBuffer: 2 ** 24 });
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
