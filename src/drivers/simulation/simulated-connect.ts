import type {
  Completion,
  InternetAddress,
  Operation,
  Runnable,
  StreamChannel,
} from '../../interface/index.ts';
import type { KernelSocket } from './kernel.ts';
import { type KernelErrorCode, kernelError } from './kernel-error.ts';
import type { Link } from './link.ts';
import type { Machine } from './machine.ts';
import { SimulatedListener } from './simulated-listener.ts';
import { SimulatedStreamChannel } from './simulated-stream-channel.ts';
import type { SocketProgram } from './socket-program.ts';

/** Milliseconds until it is asked again for the first time; twice as long each time. @see tcp(7), tcp_syn_retries */
const retryDelayMin = 1000;
const retriesMax = 6;

/** What is needed to connect. */
export interface ConnectRequest {
  /** what could not be done, for errors: *connect to 10.0.0.2:80* */
  readonly doing: string;
  readonly from: InternetAddress;
  readonly to: InternetAddress;
  /** the address as it was given */
  readonly named: string;
  readonly machine: Machine;
  /** gives back the port that the connection comes from */
  release(): void;
}

/**
 * A TCP connection that is being made: asked for, and asked for again while there is no answer, then confirmed or refused.
 * The kernel behind the address makes its end at once; its program gets it when the last message of the handshake is
 * there, which is the first of the stream.
 */
export class SimulatedConnect implements Operation, KernelSocket, Runnable {
  readonly program: SocketProgram;
  readonly #request: ConnectRequest;
  readonly #completion: Completion<StreamChannel>;
  readonly #link: Link | null;
  readonly #back: Link | null;
  #listener: SimulatedListener | null = null;
  #near: SimulatedStreamChannel | null = null;
  #far: SimulatedStreamChannel | null = null;
  #retries = 0;
  #askedAt = 0;
  #retry = -1;
  /** It is made or has failed, which is still to be told. */
  #outcome: 'made' | KernelErrorCode | null = null;
  /** Nobody wants to hear any more. */
  #over = false;

  constructor(program: SocketProgram, request: ConnectRequest, completion: Completion<StreamChannel>) {
    this.program = program;
    this.#request = request;
    this.#completion = completion;
    const { machine } = program;
    const { network } = machine.world;
    const local = machine === request.machine;
    this.#link = local ? null : network.link(machine, request.machine);
    this.#back = local ? null : network.link(request.machine, machine);
    machine.kernel.opened(this);
    this.#ask();
  }

  get keepsAlive(): boolean {
    return !this.#over;
  }

  cancel(): void {
    if (this.#over) return;
    if (this.#outcome === 'made') this.#near?.close();
    this.#end();
  }

  close(): void {
    this.cancel();
  }

  vanish(): void {
    this.#end();
  }

  /** Tells how it went. */
  run(): void {
    if (this.#over) return;
    const { doing, named, to } = this.#request;
    const near = this.#near as SimulatedStreamChannel;
    const outcome = this.#outcome as 'made' | KernelErrorCode;
    this.#end();
    if (outcome === 'made') this.#completion.succeeded(near);
    else this.#completion.failed(kernelError(doing, 'connect', outcome, { address: named, port: to.port }));
  }

  toString(): string {
    return `<I/O: ${this.#request.doing}>`;
  }

  #ask(): void {
    this.#askedAt = this.program.machine.world.now;
    this.#pass(this.#link, `SYN → ${this.#farLabel}`, () => this.#asked());
  }

  /** The question has arrived. */
  #asked(): void {
    const { machine, to } = this.#request;
    if (!machine.up) {
      this.#askLater();
      return;
    }
    // Its program has ended since, or its machine was switched off.
    if (this.#far?.closed === true) this.#far = null;
    this.#far ??= this.#open(to);
    if (this.#far !== null) this.#pass(this.#back, `SYN-ACK → ${this.#nearLabel}`, () => this.#answered());
    else if (this.#listener === null)
      this.#pass(this.#back, `RST → ${this.#nearLabel}`, () => this.#refused());
    else this.#askLater();
  }

  /** The other end of the connection; null: nobody listens, or there is no room for one more. */
  #open(to: InternetAddress): SimulatedStreamChannel | null {
    const { machine, from } = this.#request;
    const claims = machine.kernel.tcp
      .at(to.family, to.host, to.port)
      .filter((claim) => claim.owner instanceof SimulatedListener);
    const choices = machine.world.oracle.choices(`listeners ${machine.name}`, 'network');
    const listener = (claims[choices.pick(claims.length)]?.owner as SimulatedListener | undefined) ?? null;
    this.#listener = listener;
    if (listener === null || listener.full) return null;
    const far = new SimulatedStreamChannel(listener.program, to, from);
    const near = new SimulatedStreamChannel(this.program, from, to);
    near.release = this.#request.release;
    SimulatedStreamChannel.join(near, far);
    far.keepAlive = listener.keepAlive;
    listener.begin(far);
    far.open(false);
    this.#near = near;
    return far;
  }

  #answered(): void {
    const near = this.#near as SimulatedStreamChannel;
    if (!this.program.machine.up) {
      this.#listener?.forget(this.#far as SimulatedStreamChannel);
    } else if (this.#over) {
      near.refuse();
    } else if (this.#outcome === null) {
      near.open(true);
      this.#outcome = 'made';
      this.program.enqueue(this);
    }
  }

  #refused(): void {
    this.#fail('ECONNREFUSED');
  }

  #fail(code: KernelErrorCode): void {
    if (this.#over || this.#outcome !== null) return;
    this.#outcome = code;
    this.program.enqueue(this);
  }

  /** Sends a message of the handshake; if it is lost, it is for the client to ask again. */
  #pass(link: Link | null, text: string, arrived: () => void): void {
    const { world } = this.program.machine;
    const { network } = world;
    const traced = world.trace !== null;
    const back = link !== null && link === this.#back;
    const from = back ? this.#request.machine : this.program.machine;
    const to = back ? this.program.machine : this.#request.machine;
    const message = traced ? network.noteSent(from, to, text) : 0;
    const arrival = link === null ? world.now : link.transmit(0);
    if (arrival === Infinity) {
      if (traced) network.noteLost(from, to, text, message);
      this.#askLater();
      return;
    }
    const run = () => {
      if (traced && to.up) network.noteArrived(from, to, text, message);
      else if (traced) network.noteLost(from, to, text, message);
      arrived();
    };
    if (link === null) run();
    else world.scheduleAt(arrival, { run });
  }

  #askLater(): void {
    if (this.#over || this.#outcome !== null || this.#retry !== -1) return;
    const { world } = this.program.machine;
    const again = this.#askedAt + retryDelayMin * 2 ** this.#retries;
    this.#retry = world.scheduleAt(Math.max(again, world.now), {
      run: () => {
        this.#retry = -1;
        if (++this.#retries > retriesMax) this.#fail('ETIMEDOUT');
        else this.#ask();
      },
    });
  }

  #end(): void {
    this.#over = true;
    const { world, kernel } = this.program.machine;
    if (this.#retry !== -1) world.cancel(this.#retry);
    this.#retry = -1;
    kernel.closed(this);
    if (this.#outcome === 'made') return;
    this.#request.release();
    if (this.#far !== null) this.#listener?.forget(this.#far);
  }

  get #farLabel(): string {
    return `${this.#request.machine.name}:${this.#request.to.port}`;
  }

  get #nearLabel(): string {
    return `${this.program.machine.name}:${this.#request.from.port}`;
  }
}
