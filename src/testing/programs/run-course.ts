import { spawn } from 'node:child_process';
import { extname } from 'node:path';
import process from 'node:process';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { LoopError } from '../../interface/index.ts';
import type { CourseOrder, CourseReport } from './program-plan.ts';

const courseFile = fileURLToPath(
  new URL(`./course-process${extname(fileURLToPath(import.meta.url))}`, import.meta.url),
);

/** V8 compiles WebAssembly in threads of its own, which would race with those of Node. */
const inOrder = ['--no-wasm-async-compilation'];

/** The process of a course has ended without its report. */
export class CourseLostError extends LoopError<'ERR_COURSE_LOST'> {
  override readonly name = 'CourseLostError';
}

/**
 * Runs one course of a simulation of Node's programs, in a process of its own.
 *
 * @throws {CourseLostError} it has died: by a signal, or because something ended it that cannot be caught
 */
export async function runCourse(order: CourseOrder): Promise<CourseReport> {
  const { promise, resolve, reject } = pending<CourseReport>();
  const child = spawn(process.execPath, [...process.execArgv, ...inOrder, courseFile], {
    // What is given to one thread comes back in the order in which it was given.
    env: { ...process.env, UV_THREADPOOL_SIZE: '1' },
    stdio: ['ignore', order.prints ? 'inherit' : 'ignore', order.prints ? 'inherit' : 'pipe', 'pipe'],
  });
  const channel = child.stdio[3] as Duplex;
  let report = '';
  let complaints = '';
  channel.setEncoding('utf8').on('data', (text: string) => {
    report += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    complaints += text;
  });
  // It says by its end what is wrong with it.
  channel.on('error', () => {});
  child.on('error', reject);
  child.on('close', (code, signal) => {
    try {
      resolve(JSON.parse(report) as CourseReport);
    } catch (cause) {
      const how = signal === null ? `with exit code ${code}` : `by ${signal}`;
      const message = `Cannot simulate: the process of the simulation has ended ${how}${complaints && `: ${complaints}`}`;
      reject(new CourseLostError('ERR_COURSE_LOST', message, { cause }));
    }
  });
  channel.end(JSON.stringify(order));
  return await promise;
}

function pending<T>(): {
  promise: Promise<T>;
  resolve: (value: T) => void;
  reject: (error: unknown) => void;
} {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((...settle) => {
    [resolve, reject] = settle;
  });
  return { promise, resolve, reject };
}
