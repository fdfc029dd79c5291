// What the threads of the tests run.

import * as threads from 'node:worker_threads';
import { getRunningLoop, moduleFunction, run, sleep, transfer } from 'tulipa';

export const add = moduleFunction(import.meta.url, 'add', (a: number, b: number) => a + b);

/** Where it runs. `name` is undefined where the runtime does not tell. */
export function where(): { thread: number; name: string | undefined } {
  return { thread: threads.threadId, name: (threads as { threadName?: string }).threadName };
}

let calls = 0;
export const countCalls = () => ++calls;

export async function later(value: string): Promise<string> {
  await new Promise((resolve) => setImmediate(resolve));
  return value;
}

/** Says so, by the shared number, once it has begun; then never ends. */
export function spin(begun: Int32Array): never {
  Atomics.store(begun, 0, 1);
  Atomics.notify(begun, 0);
  for (;;) Atomics.wait(begun, 0, 1, 1000);
}

/** Waits until the shared number is not 0, and then returns it. */
export function waitForGate(gate: Int32Array): number {
  Atomics.wait(gate, 0, 0);
  return Atomics.load(gate, 0);
}

export const inspectBytes = (bytes: Uint8Array) => ({ sum: bytes.reduce((a, b) => a + b, 0), bytes });

export function makeBytes(count: number): Uint8Array {
  return transfer(new Uint8Array(count).fill(7));
}

class ParseError extends RangeError {
  readonly line: number;
  readonly secret = () => 'functions stay behind';

  constructor(message: string, line: number, options?: ErrorOptions) {
    super(message, options);
    this.line = line;
  }
}

export function fail(): never {
  throw new ParseError('bad line', 7, { cause: new TypeError('of the cause') });
}

export function failWithMany(): never {
  throw new AggregateError([new SyntaxError('first'), 'second'], 'several');
}

export function throwValue(value: unknown): never {
  throw value;
}

export const returnFunction = () => () => {};

export function exit(code: number): void {
  process.exit(code);
}

export function crash(): Promise<void> {
  setImmediate(() => {
    throw new Error('thrown by nobody’s job');
  });
  return new Promise(() => {});
}

export function print(text: string): void {
  process.stdout.write(text);
}

export const ownLoop = () =>
  run(
    async () => {
      await sleep(1);
      return getRunningLoop().driverName;
    },
    { driver: 'node' },
  );

export const notAFunction = 1;
