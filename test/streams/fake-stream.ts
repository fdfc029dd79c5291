import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { ExceptionContext, Suspension } from '../../src/interface/index.ts';
import { getRunningLoop } from '../../src/loop/index.ts';
import { run } from '../../src/runtime/index.ts';
import { StreamReader, StreamReaderProtocol, StreamWriter } from '../../src/streams/index.ts';
import { FakeTransport } from './fake-transport.ts';

export type Steps<T = void> = Generator<Suspension, T, unknown>;

/** A test that runs on a loop, and fails if the loop had anything to report. */
export function test(name: string, main: () => Steps | Promise<void>): void {
  it(name, { timeout: 20_000 }, async () => {
    assert.deepEqual(await reportsOf(main), []);
  });
}

/** Everything that is reported while `main` runs, and for some turns after it. */
export async function reportsOf(main: () => Steps | Promise<void>): Promise<ExceptionContext[]> {
  const reports: ExceptionContext[] = [];
  await run(async () => {
    const loop = getRunningLoop();
    loop.setExceptionHandler((_loop, context) => void reports.push(context));
    await loop.createTask(main);
    await turns(5);
  });
  return reports;
}

/** Both halves of a connection that is a fake. */
export function openFake(options?: { limit?: number }) {
  const loop = getRunningLoop();
  const reader = new StreamReader(options);
  const protocol = new StreamReaderProtocol(reader);
  const transport = new FakeTransport(loop, protocol);
  protocol.connectionMade(transport);
  const writer = new StreamWriter(transport, protocol.flow, { reader });
  return { loop, reader, protocol, transport, writer };
}

/** Lets everything happen that needs no I/O: some turns of the loop, each with the host's microtasks and ticks. */
export async function turns(count = 10): Promise<void> {
  for (let i = 0; i < count; i += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Is it still pending after everything has happened that needs no I/O? */
export async function isPending(promise: PromiseLike<unknown>): Promise<boolean> {
  let pending = true;
  const settled = () => {
    pending = false;
  };
  promise.then(settled, settled);
  await turns();
  return pending;
}

/** What it rejects with. */
export async function rejection(promise: PromiseLike<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  return assert.fail('nothing was thrown');
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function text(data: Uint8Array | undefined): string {
  return new TextDecoder().decode(data);
}

export interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(error: unknown): void;
}

export function deferred<T>(): Deferred<T> {
  let settle: Omit<Deferred<T>, 'promise'> | undefined;
  const promise = new Promise<T>((resolve, reject) => {
    settle = { resolve, reject };
  });
  return { promise, ...(settle as Omit<Deferred<T>, 'promise'>) };
}
