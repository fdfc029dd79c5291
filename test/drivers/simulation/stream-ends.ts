import assert from 'node:assert/strict';
import type {
  InternetAddress,
  Listener,
  ListenOptions,
  StreamChannel,
  StreamOptions,
  StreamSink,
  StreamTarget,
  SystemError,
} from '../../../src/interface/index.ts';
import type { TurnedHost, TurnedWorld } from './turned-hosts.ts';

/** One end of a connection: notes what its channel delivers, and when. */
export class StreamEnd implements StreamSink {
  readonly channel: StreamChannel;
  readonly calls: string[] = [];
  readonly chunks: Uint8Array[] = [];
  /** the world's time at the last call */
  calledAt = -1;
  failure: SystemError | null = null;
  /** where `room` says that bytes are wanted */
  buffer: Uint8Array | null = null;
  readonly #time: () => number;

  constructor(channel: StreamChannel, time: () => number, reading = true) {
    this.channel = channel;
    this.#time = time;
    channel.start(this);
    if (reading) channel.startReading();
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString();
  }

  get byteCount(): number {
    return this.chunks.reduce((bytes, chunk) => bytes + chunk.length, 0);
  }

  write(data: string | Uint8Array): number {
    return this.channel.write([typeof data === 'string' ? new TextEncoder().encode(data) : data]);
  }

  data(chunk: Uint8Array): void {
    assert.ok(chunk.length > 0);
    this.chunks.push(chunk);
    this.#note('data');
  }

  room(): Uint8Array | null {
    return this.buffer;
  }

  filled(byteCount: number): void {
    assert.ok(byteCount > 0);
    this.chunks.push((this.buffer as Uint8Array).slice(0, byteCount));
    this.#note('filled');
  }

  end(): void {
    this.#note('end');
  }

  failed(error: Error): void {
    this.failure = error as SystemError;
    this.#note(`failed ${this.failure.code}`);
  }

  writeProgress(pending: number): void {
    this.#note(`pending ${pending}`);
  }

  shutdownDone(): void {
    this.#note('shutdownDone');
  }

  closed(): void {
    this.#note('closed');
  }

  #note(call: string): void {
    if (call !== 'data' || this.calls.at(-1) !== 'data') this.calls.push(call);
    this.calledAt = this.#time();
  }
}

export interface Listening {
  readonly listener: Listener;
  readonly address: InternetAddress;
  readonly ends: StreamEnd[];
  readonly times: number[];
}

export const listenOptions: ListenOptions = { backlog: 100, reusePort: false, keepAlive: false };

/** What a completion says, when it says it. */
export interface Outcome<T> {
  value: T | null;
  error: SystemError | null;
  time: number;
  cancel(): void;
}

/** Streams between hosts that the test turns. */
export class StreamHosts {
  readonly turned: TurnedWorld;

  constructor(turned: TurnedWorld) {
    this.turned = turned;
  }

  get now(): number {
    return this.turned.world.now;
  }

  /** Listens, on any port of the host's IPv4 address unless told otherwise. */
  listen(
    host: TurnedHost,
    target: Partial<Extract<StreamTarget, { kind: 'internet' }>> = {},
    options: Partial<ListenOptions> = {},
    reading = true,
  ): Listening {
    const outcome = this.tryListen(host, target, options, reading);
    this.turnAll();
    assert.ok(outcome.value !== null, String(outcome.error));
    return outcome.value;
  }

  tryListen(
    host: TurnedHost,
    target: Partial<Extract<StreamTarget, { kind: 'internet' }>> = {},
    options: Partial<ListenOptions> = {},
    reading = true,
  ): Outcome<Listening> {
    const whole = {
      kind: 'internet',
      host: host.machine.addresses[0],
      port: 0,
      family: 4,
      ...target,
    } as const;
    return this.listenAt(host, whole, options, reading);
  }

  listenAt(
    host: TurnedHost,
    target: StreamTarget,
    options: Partial<ListenOptions> = {},
    reading = true,
  ): Outcome<Listening> {
    const outcome: Outcome<Listening> = {
      value: null,
      error: null,
      time: -1,
      cancel: () => operation?.cancel(),
    };
    const ends: StreamEnd[] = [];
    const times: number[] = [];
    const sink = {
      connection: (channel: StreamChannel) => {
        times.push(this.now);
        ends.push(new StreamEnd(channel, () => this.now, reading));
      },
      troubled: (error: Error) => assert.fail(error),
    };
    const operation = host.driver.streams?.listen(target, { ...listenOptions, ...options }, sink, {
      succeeded: (listener) => {
        outcome.time = this.now;
        outcome.value = { listener, address: listener.address as InternetAddress, ends, times };
      },
      failed: (error) => {
        outcome.time = this.now;
        outcome.error = error as SystemError;
      },
    });
    return outcome;
  }

  connect(
    host: TurnedHost,
    to: { host: string; port: number },
    options: StreamOptions = {},
    reading = true,
  ): Outcome<StreamEnd> {
    const family = to.host.includes(':') ? 6 : 4;
    return this.connectTo(host, { kind: 'internet', host: to.host, port: to.port, family }, options, reading);
  }

  connectTo(
    host: TurnedHost,
    target: StreamTarget,
    options: StreamOptions = {},
    reading = true,
  ): Outcome<StreamEnd> {
    const outcome: Outcome<StreamEnd> = {
      value: null,
      error: null,
      time: -1,
      cancel: () => operation?.cancel(),
    };
    const operation = host.driver.streams?.connect(target, options, {
      succeeded: (channel) => {
        outcome.time = this.now;
        outcome.value = new StreamEnd(channel, () => this.now, reading);
      },
      failed: (error) => {
        outcome.time = this.now;
        outcome.error = error as SystemError;
      },
    });
    assert.equal(outcome.time, -1, 'told from inside the call');
    return outcome;
  }

  /** A connection, near end first. */
  pair(
    near: TurnedHost,
    far: TurnedHost,
    reading = true,
  ): [near: StreamEnd, far: StreamEnd, listening: Listening] {
    const listening = this.listen(far, {}, {}, reading);
    const outcome = this.connect(near, listening.address, {}, reading);
    this.turned.settle();
    const [end] = listening.ends;
    assert.ok(outcome.value !== null && end !== undefined, String(outcome.error));
    return [outcome.value, end, listening];
  }

  /** Runs what is queued; time stands still. */
  turnAll(): void {
    while (this.turned.hosts.filter((host) => host.turn()).length > 0);
  }
}
