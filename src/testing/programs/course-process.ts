/**
 * Runs one course of a simulation of Node's programs, in a process of its own: what a run leaves behind in modules and in Node
 * itself is nothing to the next one. The order comes in, and the report goes out, by the descriptor behind the standard ones.
 */
import { readFileSync, writeSync } from 'node:fs';
import process from 'node:process';
import { GroupError } from '../../interface/index.ts';
import { Trace } from '../trace.ts';
import { traceTail } from '../trace-tail.ts';
import { writeTrace } from '../write-trace.ts';
import { withoutOwnFrames } from './node-program.ts';
import type { CourseFailure, CourseOrder, CourseReport } from './program-plan.ts';
import { runPrograms } from './run-programs.ts';

const channel = 3;
const order = JSON.parse(readFileSync(channel, 'utf8')) as CourseOrder;
const { exit } = process;
const trace = new Trace();
const widest = Math.max(...order.plan.hosts.map(({ name }) => name.length));

const course = await runPrograms(order.plan, {
  token: order.token,
  trace,
  explains: order.explains,
  print: (host, line, descriptor) => {
    if (order.prints) writeAll(descriptor, `${host.padEnd(widest)} | ${line}\n`);
  },
});

if (order.traceFile !== null) {
  const failure = course.failure === null ? {} : { failure: messageOf(course.failure.error) };
  writeTrace(trace, order.traceFile, { title: order.title, ...failure });
}
const report: CourseReport = {
  failure: course.failure === null ? null : describe(course.failure.error),
  time: course.time,
  ends: course.ends.map(({ host, exitCode }) => ({ host, exitCode })),
  deviations: order.explains ? course.recording.tell() : course.recording.deviations,
  tail: order.explains ? traceTail(trace) : '',
  digest: trace.digest(),
};
writeAll(channel, JSON.stringify(report));
exit(0);

function describe(error: unknown): CourseFailure {
  if (error instanceof GroupError) {
    const [first, ...others] = error.errors;
    const { message, ...rest } = describe(first);
    return { ...rest, message: `${message}\n(and ${others.length} more)` };
  }
  const code = error instanceof Error && 'code' in error ? String(error.code) : null;
  const stack = code === 'ERR_REAL_IO' && error instanceof Error ? error.stack : undefined;
  const message = stack === undefined ? messageOf(error) : withoutOwnFrames(stack).replace(/^\w+: /, '');
  return { name: error instanceof Error ? error.name : typeof error, code, message };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function writeAll(descriptor: number, text: string): void {
  let rest: Uint8Array = Buffer.from(text);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(descriptor, rest));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      // Whoever reads is slow; time does not go by meanwhile.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}
