import { createHash } from 'node:crypto';
import { Future } from '../../src/coroutines/index.ts';
import { type Machine, SimulationDriver, World } from '../../src/drivers/simulation/index.ts';
import type {
  DatagramChannel,
  DriverHost,
  InternetAddress,
  Listener,
  Runnable,
  StreamChannel,
  StreamSink,
  StreamTarget,
} from '../../src/interface/index.ts';
import { EventLoop } from '../../src/runtime/index.ts';
import type { Reading } from '../support/programs/raw-peers.ts';
import { bytes, type Steps } from './endpoints.ts';
import type { Outside, RawDatagrams, RawPeer, RawPeers, RawServer } from './outside.ts';
import { ownRunningLoop } from './own-running-loop.ts';

/** Of all worlds; TULIPA_TEST_SEED gives another one. */
const seed = Number(process.env['TULIPA_TEST_SEED'] ?? 0);

const machines = new WeakMap<EventLoop, Machine>();

/** A loop that is alone in its world, in which another machine is near. */
export function makeSimulatedLoop(options: { debug?: boolean } = {}): EventLoop {
  const world = new World({ seed, link: { latency: { min: 0.05, max: 0.5 } } });
  const machine = world.addMachine('localhost');
  const loop = new EventLoop(machine.boot(), options);
  machines.set(loop, machine);
  return loop;
}

function machineOf(loop: EventLoop): Machine {
  const machine = machines.get(loop);
  if (machine === undefined) throw new Error('this loop is in no world of the tests');
  return machine;
}

/** The world of a simulated loop. */
export const simulatedOutside: Outside = {
  raise(signal) {
    machineOf(ownRunningLoop()).driver?.signals?.deliver(signal);
  },
  raiseWhileWaiting(loop, signal) {
    const { world, driver } = machineOf(loop);
    world.schedule(1_000, { run: () => driver?.signals?.deliver(signal) });
    return async () => {};
  },
  caughtSignals(loop) {
    return loop.inspect().signals.join();
  },
  openSockets() {
    return machineOf(ownRunningLoop()).kernel.openSockets;
  },
  socketAt(path) {
    const found = machineOf(ownRunningLoop()).kernel.unixNames.at(path);
    return found === 'ENOENT' ? null : found;
  },
  startPeers: async () => new SimulatedPeers(),
  openDatagrams: () => new SimulatedRawDatagrams(machineOf(ownRunningLoop())),
};

/** A program without a loop: what it is told by its kernel happens as the world's time goes on, or when it looks. */
class LooplessProgram implements DriverHost {
  readonly driver: SimulationDriver;
  readonly inTurn = true;
  readonly #world: World;
  readonly #looksByItself: boolean;
  #queue: Runnable[] = [];

  constructor(machine: Machine, options: { looksByItself: boolean }) {
    this.#world = machine.world;
    this.#looksByItself = options.looksByItself;
    this.driver = new SimulationDriver(machine);
    this.driver.attach(this);
  }

  look(): void {
    for (const runnable of this.#queue.splice(0)) runnable.run();
  }

  enqueue(runnable: Runnable): void {
    this.#queue.push(runnable);
    if (this.#looksByItself && this.#queue.length === 1) this.#world.schedule(0, { run: () => this.look() });
  }

  dispatch<A>(callback: (argument: A) => void, argument: A): void {
    this.enqueue({ run: () => callback(argument) });
  }

  callLater(delay: number, callback: () => void) {
    const id = this.#world.schedule(delay, { run: callback });
    return { cancel: () => this.#world.cancel(id) };
  }

  refsChanged(): void {}

  pollDescriptorChanged(): void {}

  report({ message, exception }: { message: string; exception?: unknown }): void {
    throw new Error(message, { cause: exception });
  }
}

/** On another machine, but for what must come from the loop's own. */
class SimulatedPeers implements RawPeers {
  #world: World | null = null;
  #reading: Reading | null = null;

  *open(): Steps<RawServer> {
    const near = machineOf(ownRunningLoop());
    const { world } = near;
    this.#world = world;
    const far = world.machines.get('peer') ?? world.addMachine('peer');
    const program = new LooplessProgram(far, { looksByItself: true });
    if (!far.up) far.boot();
    const server = new SimulatedServer(program, near, (reading) => {
      this.#reading = reading;
    });
    yield* server.listen(far.addresses[0]);
    return server;
  }

  /** The run has ended by the time that it is asked for: what is on its way goes on. */
  reported(): PromiseLike<Reading> {
    const look = () => {
      const world = this.#world as World;
      while (this.#reading === null && world.nextEvent < Infinity) world.advanceTo(world.nextEvent);
      if (this.#reading === null) throw new Error('nothing was reported');
      return this.#reading;
    };
    return {
      then: (onFulfilled, onRejected) =>
        new Promise<Reading>((resolve) => resolve(look())).then(onFulfilled, onRejected),
    };
  }

  async stop(): Promise<void> {}
}

class SimulatedServer implements RawServer {
  address = { host: '', port: 0 };
  readonly #program: LooplessProgram;
  readonly #near: Machine;
  readonly #report: (reading: Reading) => void;
  readonly #peers: SimulatedPeer[] = [];
  readonly #waiting: SimulatedPeer[] = [];
  #accepting: Future<void> | null = null;
  #listener: Listener | null = null;

  constructor(program: LooplessProgram, near: Machine, report: (reading: Reading) => void) {
    this.#program = program;
    this.#near = near;
    this.#report = report;
  }

  *listen(host: string): Steps {
    const listening = new Future<Listener>();
    const sink = {
      connection: (channel: StreamChannel) => {
        const peer = new SimulatedPeer(channel, this.#report);
        this.#peers.push(peer);
        this.#waiting.push(peer);
        if (this.#accepting?.done() === false) this.#accepting.setResult();
      },
      troubled: (error: Error) => {
        throw error;
      },
    };
    const target = { kind: 'internet', host, port: 0, family: 4 } as const;
    const options = { backlog: 100, reusePort: false, keepAlive: false };
    this.#program.driver.streams?.listen(target, options, sink, {
      succeeded: (listener) => listening.setResult(listener),
      failed: (error) => listening.setException(error),
    });
    this.#listener = yield* listening;
    this.address = this.#listener.address as InternetAddress;
  }

  *accept(): Steps<RawPeer> {
    for (;;) {
      const peer = this.#waiting.shift();
      if (peer !== undefined) return peer;
      this.#accepting = new Future<void>();
      yield* this.#accepting;
    }
  }

  *connectAndReset(port: number): Steps {
    const connected = new Future<StreamChannel>();
    const { driver } = new LooplessProgram(this.#near, { looksByItself: true });
    const target: StreamTarget = { kind: 'internet', host: '127.0.0.1', port, family: 4 };
    driver.streams?.connect(
      target,
      {},
      {
        succeeded: (channel) => connected.setResult(channel),
        failed: (error) => connected.setException(error),
      },
    );
    reset(yield* connected);
  }

  *stop(): Steps {
    yield;
    this.#listener?.close();
  }

  *close(): Steps {
    yield* this.stop();
    for (const peer of this.#peers) yield* peer.destroy();
  }
}

class SimulatedPeer implements RawPeer {
  readonly #channel: StreamChannel;
  readonly #report: (reading: Reading) => void;
  readonly #hash = createHash('sha256');
  #byteCount = 0;
  #onEnd: ((reading: Reading) => void) | null = null;
  #onSent: (() => void) | null = null;
  readonly #sink: StreamSink = {
    data: (chunk) => {
      this.#byteCount += chunk.length;
      this.#hash.update(chunk);
    },
    room: () => null,
    filled: () => {},
    end: () => this.#onEnd?.({ byteCount: this.#byteCount, sha256: this.#hash.digest('hex') }),
    failed: () => {},
    writeProgress: (pending) => {
      if (pending === 0) this.#onSent?.();
    },
    shutdownDone: () => {},
    closed: () => {},
  };

  constructor(channel: StreamChannel, report: (reading: Reading) => void) {
    this.#channel = channel;
    this.#report = report;
    channel.start(this.#sink);
  }

  *reset(): Steps {
    yield;
    reset(this.#channel);
  }

  *destroy(): Steps {
    yield;
    this.#channel.abort();
  }

  *end(text: string): Steps {
    yield;
    this.#send(bytes(text), () => this.#channel.shutdown());
  }

  *write(byteCount: number): Steps {
    yield;
    this.#send(new Uint8Array(byteCount).fill(7), () => {});
  }

  *flood(): Steps {
    yield;
    const chunk = new Uint8Array(64 * 1024);
    const more = () => this.#send(chunk, more);
    more();
  }

  *readToEnd(): Steps<Reading> {
    const read = new Future<Reading>();
    this.#read((reading) => read.setResult(reading));
    return yield* read;
  }

  *report(): Steps {
    yield;
    this.#read((reading) => {
      this.#channel.close();
      this.#report(reading);
    });
  }

  #read(onEnd: (reading: Reading) => void): void {
    this.#onEnd = onEnd;
    this.#channel.startReading();
  }

  #send(data: Uint8Array, onSent: () => void): void {
    this.#onSent = onSent;
    if (this.#channel.write([data]) === 0) onSent();
  }
}

function reset(channel: StreamChannel): void {
  (channel as unknown as { refuse(): void }).refuse();
}

/** Reads when it is told to, all that is there then. */
class SimulatedRawDatagrams implements RawDatagrams {
  readonly #machine: Machine;
  readonly #program: LooplessProgram;
  readonly #received: Uint8Array[] = [];
  #channel: DatagramChannel | null = null;
  #path: string | null = null;

  constructor(machine: Machine) {
    this.#machine = machine;
    this.#program = new LooplessProgram(machine, { looksByItself: false });
  }

  bind(path: string): void {
    this.#path = path;
    this.#open('unix', { path }, null);
  }

  bindPort(port: number): void {
    this.#open(4, { host: '127.0.0.1', port, family: 4 }, null);
  }

  connect(path: string): void {
    this.#open('unix', null, { path });
  }

  send(data: Uint8Array): void {
    this.#channel?.send(data, null);
  }

  receive(): Uint8Array | null {
    if (this.#received.length === 0) {
      this.#channel?.startReading();
      this.#program.look();
    }
    return this.#received.shift() ?? null;
  }

  close(): void {
    const channel = this.#channel;
    if (channel === null) return;
    this.#channel = null;
    channel.close();
    this.#program.look();
    // As a program leaves it that removes nothing.
    const { unixNames } = this.#machine.kernel;
    if (this.#path !== null && unixNames.claim(this.#path, this))
      unixNames.release(this.#path, this, { keepFile: true });
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #open(
    family: 'unix' | 4,
    localAddress: InternetAddress | { path: string } | null,
    remoteAddress: { path: string } | null,
  ): void {
    const target = { family, localAddress, remoteAddress, reusePort: false, allowBroadcast: false };
    this.#program.driver.datagrams?.open(target, {
      succeeded: (channel) => {
        this.#channel = channel;
        channel.start({
          datagram: (data) => void this.#received.push(data),
          troubled: (error) => {
            throw error;
          },
          failed: (error) => {
            throw error;
          },
          sendProgress: () => {},
          closed: () => {},
        });
      },
      failed: (error) => {
        throw error;
      },
    });
    this.#program.look();
  }
}
