import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { Future, sleep, timeout } from '../../src/coroutines/index.ts';
import {
  type BaseProtocol,
  type ExceptionContext,
  type InternetAddress,
  type Protocol,
  type Server,
  type ServerOptions,
  type StreamProtocol,
  type Suspension,
  SystemError,
  type Transport,
  type Waitable,
} from '../../src/interface/index.ts';
import { getRunningLoop } from '../../src/loop/index.ts';
import { run } from '../../src/runtime/index.ts';
import type { LoopKind } from './kinds.ts';
import { ownRunningLoop } from './own-running-loop.ts';

export type Steps<T = void> = Generator<Suspension, T, unknown>;

export type Test = (
  name: string,
  main: (test: TestContext) => Steps,
  options?: { skip?: string | false },
) => void;

/**
 * How a contract suite says what holds on a loop of its driver. What hangs is cancelled, so that the run ends and the
 * next test can begin.
 */
export function testOn(kind: LoopKind): Test {
  return (name, main, options) => {
    it(name, { timeout: 30_000, ...options }, (context) =>
      run(function* () {
        yield* timeout(15_000, () => main(context));
      }, kind.options),
    );
  };
}

/** The two families of stream sockets. */
export const kinds = ['TCP', 'Unix'] as const;
export type Kind = (typeof kinds)[number];

let folder: string | null = null;
let paths = 0;

/** A path for a socket that nothing else has. */
export function socketPath(): string {
  if (folder === null) {
    const made = mkdtempSync(join(tmpdir(), 'tulipa-'));
    process.on('exit', () => rmSync(made, { recursive: true, force: true }));
    folder = made;
  }
  return join(folder, `socket-${paths++}`);
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function text(data: Uint8Array): string {
  return new TextDecoder().decode(data);
}

/** Bytes in which any two places are told apart. */
export function pattern(byteCount: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(byteCount / 4));
  for (let i = 0; i < words.length; i++) words[i] = Math.imul(i, 2654435761);
  return new Uint8Array(words.buffer, 0, byteCount);
}

/** The error that a wait ends with. */
export function* rejection(wait: Waitable<unknown>): Steps<unknown> {
  try {
    yield* wait;
  } catch (error) {
    return error;
  }
  return assert.fail('nothing was thrown');
}

export function* systemError(wait: Waitable<unknown>): Steps<SystemError> {
  const error = yield* rejection(wait);
  assert.ok(error instanceof SystemError, String(error));
  return error;
}

/** Somebody to wait for: checks its condition again whenever something was noted. */
export class Watched {
  readonly #waiting = new Set<Future<void>>();

  noted(): void {
    for (const waiter of this.#waiting) if (!waiter.done()) waiter.setResult();
    this.#waiting.clear();
  }

  *until(condition: () => boolean): Steps {
    while (!condition()) {
      const waiter = new Future<void>();
      this.#waiting.add(waiter);
      yield* waiter;
    }
  }
}

/** A protocol that notes how it is called, and does what the test wants done in `on`. */
export class Recorder extends Watched implements Protocol {
  /** Names of the methods in order; several `dataReceived` in a row are one. */
  readonly calls: string[] = [];
  readonly chunks: Uint8Array[] = [];
  byteCount = 0;
  on: { [Name in keyof Protocol]?: () => unknown } = {};
  #transport: Transport | null = null;
  #losses: (Error | null)[] = [];

  constructor(on: Recorder['on'] = {}) {
    super();
    this.on = on;
  }

  get transport(): Transport {
    if (this.#transport === null) throw new Error('connectionMade was not called yet');
    return this.#transport;
  }

  get connected(): boolean {
    return this.#transport !== null;
  }

  /** `connectionLost` was called. */
  get lost(): boolean {
    return this.#losses.length > 0;
  }

  /** What the one `connectionLost` said. */
  get loss(): Error | null {
    assert.equal(this.#losses.length, 1, 'connectionLost is called once');
    return this.#losses[0] ?? null;
  }

  get data(): Uint8Array {
    return new Uint8Array(Buffer.concat(this.chunks));
  }

  get text(): string {
    return text(this.data);
  }

  /** Waits for so many bytes in all. */
  *received(byteCount: number): Steps {
    yield* this.until(() => this.byteCount >= byteCount || this.lost);
    assert.equal(this.byteCount, byteCount);
  }

  *waitLost(): Steps<Error | null> {
    yield* this.until(() => this.lost);
    return this.loss;
  }

  connectionMade(transport: Transport): void {
    this.#transport = transport;
    this.#note('connectionMade');
  }

  dataReceived(data: Uint8Array): void {
    this.chunks.push(data);
    this.byteCount += data.length;
    this.#note('dataReceived');
  }

  eofReceived(): boolean {
    return this.#note('eofReceived') === true;
  }

  pauseWriting(): void {
    this.#note('pauseWriting');
  }

  resumeWriting(): void {
    this.#note('resumeWriting');
  }

  connectionLost(error: Error | null): void {
    this.#losses.push(error);
    this.#note('connectionLost');
  }

  #note(name: keyof Protocol): unknown {
    if (name !== 'dataReceived' || this.calls.at(-1) !== name) this.calls.push(name);
    this.noted();
    return this.on[name]?.();
  }
}

/** What the loop reports from now on. */
export function collectReports(): ExceptionContext[] {
  const reports: ExceptionContext[] = [];
  getRunningLoop().setExceptionHandler((_loop, context) => void reports.push(context));
  return reports;
}

export interface Serving {
  server: Server;
  connect<P extends StreamProtocol>(factory: () => P): Waitable<[transport: Transport, protocol: P]>;
}

/** A server on a free address, and how to connect to it. */
export function* serve(
  kind: Kind,
  factory: () => BaseProtocol,
  options: Pick<ServerOptions, 'maxConnections' | 'backlog'> = {},
): Steps<Serving> {
  const loop = getRunningLoop();
  const make = factory as () => StreamProtocol;
  if (kind === 'Unix') {
    const path = socketPath();
    const server = yield* loop.createUnixServer(make, { path, ...options });
    return { server, connect: (client) => loop.createUnixConnection(client, { path }) };
  }
  const server = yield* loop.createServer(make, { host: '127.0.0.1', port: 0, ...options });
  const { host, port } = server.sockets[0] as InternetAddress;
  return { server, connect: (client) => loop.createConnection(client, { host, port }) };
}

/** Two ends of one connection. */
export interface Pair<Near extends BaseProtocol, Far extends BaseProtocol> {
  near: Near;
  far: Far;
  transport: Transport;
  serving: Serving;
  /** what the loop has reported since; `finish` wants none */
  reports: ExceptionContext[];
  /** Aborts what is open, and waits until everything is gone: what leaks a connection times out here. */
  finish(): Steps;
}

/** A connection between two protocols, both connected; `far` is the server's. */
export function* openPair<Near extends BaseProtocol = Recorder, Far extends BaseProtocol = Recorder>(
  kind: Kind,
  near: Near = new Recorder() as unknown as Near,
  far: Far = new Recorder() as unknown as Far,
): Steps<Pair<Near, Far>> {
  const reports = collectReports();
  const serving = yield* serve(kind, () => far);
  const [transport] = yield* serving.connect(() => near as StreamProtocol);
  if (far instanceof Recorder) yield* far.until(() => far.connected);
  return {
    near,
    far,
    transport,
    serving,
    reports,
    *finish() {
      serving.server.close();
      transport.abort();
      serving.server.abortClients();
      yield* serving.server.waitClosed();
      if (near instanceof Recorder) yield* near.waitLost();
      assert.deepEqual(reports, []);
    },
  };
}

/**
 * Lets things happen that only time and the kernel decide on: `count` round trips on another connection, each through
 * the kernel and back. In a simulation those take no time, which must go by for others.
 */
export function* letTheKernelWork(kind: Kind, count = 20): Steps {
  const simulated = ownRunningLoop().hasOwnWorld;
  const serving = yield* serve(kind, () => new Echo());
  const near = new Recorder();
  const [transport] = yield* serving.connect(() => near);
  for (let i = 1; i <= count; i++) {
    transport.write(bytes('.'));
    yield* near.received(i);
    if (simulated) yield* sleep(1);
  }
  transport.close();
  yield* near.waitLost();
  serving.server.close();
  yield* serving.server.waitClosed();
}

export class Echo implements Protocol {
  #transport: Transport | null = null;

  connectionMade(transport: Transport): void {
    this.#transport = transport;
  }

  dataReceived(data: Uint8Array): void {
    this.#transport?.write(data);
  }
}
