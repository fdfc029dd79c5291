import type { Link } from './link.ts';
import type { Machine } from './machine.ts';
import type { Choices } from './oracle.ts';
import { Segment, type SegmentKind, SegmentQueue } from './segment-queue.ts';
import type { World } from './world.ts';

/** So much the kernel takes of a program that the peer's kernel has not confirmed. */
const sendBufferBytes = 64 * 1024;

/** So much may be with the peer's kernel that its program has not read. */
const receiveWindowBytes = 64 * 1024;

/** A writer who waits is told of room when there is so much. @see Linux, sk_stream_min_wspace */
const roomBytesMin = sendBufferBytes / 3;

const segmentBytesMax = 16 * 1024;

/** So probably a segment ends somewhere in the middle of what was written. */
const cutProbability = 1 / 8;

/** Milliseconds until something is sent again: at first, and at most; twice as long each time. */
const retryDelayMin = 200;
const retryDelayMax = 120_000;

/** When so many tries got no answer the connection is given up, after 924.6 s. @see tcp(7), tcp_retries2 */
const retriesMax = 15;

const names: Record<SegmentKind, string> = { begin: 'ACK', data: 'data', end: 'FIN', reset: 'RST' };

/** What a flow needs of the two ends between which it goes. */
export interface FlowEnd {
  readonly machine: Machine;
  /** as the trace names it: *server:80* */
  readonly label: string;
  /** The program has closed it: what it is sent is refused. */
  readonly closed: boolean;
  /** It was lost with its machine's power: if the machine is up again, it knows of nothing. */
  readonly vanished: boolean;
  readonly unreadBytes: number;
  /** From the peer. `data` is empty unless that is what it is. */
  arrived(kind: SegmentKind, data: Uint8Array): void;
  /** For who has asked for it. */
  roomMade(): void;
  /** The peer has not confirmed anything for too long. */
  timedOut(): void;
  /** The peer has received all that it ever will. */
  flowEnded(): void;
  /** Answers what it does not want. */
  sendReset(): void;
}

/**
 * One direction of a connection, by the doing of both kernels: takes bytes, sends them in segments as far as the peer has
 * room, in order and as often as that takes, and knows when they are confirmed.
 *
 * A segment is unsent, then on its way, then received until its confirmation is back. Only what somebody may notice is an
 * event of the world: the arrival of the next one; the confirmation that makes room for a writer who waits; the next
 * try, when something is known to be lost. What kernels find out by the lack of an answer is known here at once; it only
 * takes effect as late as they would act on it. So a segment that arrives costs one event and no timer.
 *
 * While something lost waits to be sent again, all that comes after it waits too. Between ends on one machine there is no
 * link, and a segment is sent, received and confirmed in one step. Confirmations take the least that the link does, and only
 * a partition loses them: so they cost nothing, and there is nothing to choose about them.
 */
export class StreamFlow {
  readonly #from: FlowEnd;
  readonly #to: FlowEnd;
  readonly #world: World;
  readonly #link: Link | null;
  readonly #back: Link | null;
  readonly #cuts: Choices;
  readonly #unsent = new SegmentQueue();
  readonly #flying = new SegmentQueue();
  readonly #received = new SegmentQueue();
  /** taken and not confirmed */
  #heldBytes = 0;
  #flyingBytes = 0;
  #lastArrival = 0;
  /** when something was sent last */
  #sentAt = 0;
  // Events of the world; -1: none.
  #arrival = -1;
  #retry = -1;
  #confirmation = -1;
  #opening = -1;
  #retries = 0;
  /** The last confirmation was lost. */
  #unconfirmed = false;
  #roomWanted = false;
  /** The peer has no room for the next. */
  #blocked = false;
  /** Nothing is taken or tried any more; what is on its way still arrives. */
  #dropped = false;

  constructor(from: FlowEnd, to: FlowEnd) {
    this.#from = from;
    this.#to = to;
    const { world } = from.machine;
    this.#world = world;
    const local = from.machine === to.machine;
    this.#link = local ? null : world.network.link(from.machine, to.machine);
    this.#back = local ? null : world.network.link(to.machine, from.machine);
    this.#cuts = world.oracle.choices(`cuts ${from.machine.name} → ${to.machine.name}`, 'network');
    this.#cuts.describeBy(describeCut);
  }

  /** How many bytes it would take now. */
  get room(): number {
    if (this.#received.first !== null) this.#forgetConfirmed();
    return sendBufferBytes - this.#heldBytes;
  }

  /** The peer has received all that was sent. */
  get drained(): boolean {
    return this.#unsent.first === null && this.#flying.first === null;
  }

  /** How long the next segment is to be, of so many bytes that there are for it. */
  segmentSize(byteCount: number): number {
    const size = Math.min(byteCount, segmentBytesMax);
    return size > 1 && this.#cuts.chance(cutProbability) ? 1 + this.#cuts.pick(size - 1) : size;
  }

  /** `data` is the flow's from now on, and then the peer's. */
  send(kind: SegmentKind, data?: Uint8Array): void {
    if (this.#dropped) return;
    const segment = new Segment(kind, data);
    this.#heldBytes += segment.byteCount;
    this.#unsent.push(segment);
    if (this.#retry === -1) this.#transmit();
  }

  /** Calls `roomMade` when there is some. */
  wantRoom(): void {
    this.#roomWanted = true;
    this.#awaitConfirmation();
  }

  /** Drops what is not sent and resets the connection, behind what is on its way. */
  reset(): void {
    this.drop();
    const segment = new Segment('reset');
    this.#noteSent(segment);
    if (this.#link === null) {
      this.#noteArrived(segment);
      if (!this.#to.closed) this.#to.arrived('reset', segment.data);
      return;
    }
    const arrival = this.#link.transmit(0, this.#lastArrival);
    if (arrival === Infinity) this.#noteLost(segment);
    else this.#fly(segment, arrival);
  }

  /** Drops what is not sent. Idempotent. */
  drop(): void {
    if (this.#dropped) return;
    this.#dropped = true;
    this.#unsent.clear();
    this.#received.clear();
    const { world } = this.#from.machine;
    for (const event of [this.#retry, this.#confirmation, this.#opening])
      if (event !== -1) world.cancel(event);
    this.#retry = -1;
    this.#confirmation = -1;
    this.#opening = -1;
    this.#roomWanted = false;
    this.#from.flowEnded();
  }

  /** The peer's program has read something. */
  readerMadeRoom(): void {
    if (!this.#blocked || this.#opening !== -1 || this.#retry !== -1) return;
    if (this.#back === null) this.#transmit();
    else if (this.#back.cut) this.#askForRoom();
    else this.#opening = this.#world.schedule(this.#back.leastLatency, this.#onOpening);
  }

  /** The peer's machine has lost its power: who waits for the peer to read asks about it after a while. */
  peerVanished(): void {
    if (this.#blocked) this.#askForRoom();
  }

  /** What is on its way has arrived. */
  run(): void {
    this.#arrival = -1;
    const { now } = this.#world;
    for (let segment = this.#flying.first; segment !== null; segment = this.#flying.first) {
      if (segment.when > now) {
        this.#arrival = this.#world.scheduleAt(segment.when, this);
        break;
      }
      this.#arrive(segment);
    }
    this.#awaitConfirmation();
  }

  toString(): string {
    return `<stream ${this.#from.label} → ${this.#to.label}>`;
  }

  /** Sends what there is, as far as the peer has room for it. */
  #transmit(): void {
    this.#blocked = false;
    for (let segment = this.#unsent.first; segment !== null; segment = this.#unsent.first) {
      const { byteCount } = segment;
      const thereBytes = this.#to.unreadBytes + this.#flyingBytes;
      if (byteCount > 0 && thereBytes > 0 && thereBytes + byteCount > receiveWindowBytes) {
        this.#blocked = true;
        return;
      }
      this.#noteSent(segment);
      if (this.#link === null) {
        this.#hand(this.#unsent.shift());
        continue;
      }
      this.#sentAt = this.#world.now;
      const arrival = this.#link.transmit(byteCount, this.#lastArrival);
      if (arrival === Infinity) {
        this.#noteLost(segment);
        this.#troubled();
        return;
      }
      this.#fly(this.#unsent.shift(), arrival);
    }
  }

  #fly(segment: Segment, arrival: number): void {
    segment.when = arrival;
    this.#lastArrival = arrival;
    this.#flyingBytes += segment.byteCount;
    this.#flying.push(segment);
    if (this.#arrival === -1) this.#arrival = this.#world.scheduleAt(arrival, this);
  }

  /** Within one machine. */
  #hand(segment: Segment): void {
    this.#noteArrived(segment);
    this.#heldBytes -= segment.byteCount;
    this.#deliver(segment);
    if (this.#roomWanted && this.room >= roomBytesMin) this.#tellRoom();
  }

  #arrive(segment: Segment): void {
    const to = this.#to;
    if (!to.machine.up) {
      this.#noteLost(segment);
      this.#goBack();
      return;
    }
    this.#flying.shift();
    this.#flyingBytes -= segment.byteCount;
    this.#noteArrived(segment);
    if (!this.#deliver(segment) || this.#dropped) return;
    this.#received.push(segment);
    const back = this.#back as Link;
    if (back.cut) {
      segment.when = Infinity;
      this.#unconfirmed = true;
      this.#troubled();
    } else {
      this.#confirm(this.#world.now + back.leastLatency);
    }
  }

  /** False: the peer has refused it. */
  #deliver(segment: Segment): boolean {
    const to = this.#to;
    const { kind } = segment;
    if (to.vanished || (to.closed && kind !== 'end')) {
      if (kind !== 'reset') to.sendReset();
      return false;
    }
    to.arrived(kind, segment.takeData());
    if (kind === 'end') this.#from.flowEnded();
    return true;
  }

  /** The machine is down: what is on its way does not arrive either. */
  #goBack(): void {
    this.#flyingBytes = 0;
    if (this.#dropped) this.#flying.clear();
    else this.#unsent.putBack(this.#flying);
    this.#troubled();
  }

  /** Everything that was received will be confirmed then. */
  #confirm(when: number): void {
    this.#retries = 0;
    const last = this.#received.last as Segment;
    last.when = when;
    if (!this.#unconfirmed) return;
    this.#unconfirmed = false;
    for (let segment = this.#received.first; segment !== null; segment = segment.next) {
      if (segment.when === Infinity) segment.when = when;
    }
  }

  #forgetConfirmed(): void {
    const { now } = this.#world;
    while (this.#received.first !== null && this.#received.first.when <= now)
      this.#heldBytes -= this.#received.shift().byteCount;
  }

  #awaitConfirmation(): void {
    if (!this.#roomWanted || this.#confirmation !== -1) return;
    const first = this.#received.first;
    if (first !== null && first.when !== Infinity)
      this.#confirmation = this.#world.scheduleAt(
        Math.max(first.when, this.#world.now),
        this.#onConfirmation,
      );
  }

  readonly #onConfirmation = {
    run: (): void => {
      this.#confirmation = -1;
      if (this.room >= roomBytesMin) this.#tellRoom();
      else this.#awaitConfirmation();
    },
  };

  #tellRoom(): void {
    this.#roomWanted = false;
    this.#from.roomMade();
  }

  readonly #onOpening = {
    run: (): void => {
      this.#opening = -1;
      if (this.#retry === -1) this.#transmit();
    },
  };

  /** What says that the peer has room will never come. */
  #askForRoom(): void {
    this.#sentAt = this.#world.now;
    this.#troubled();
  }

  /** Something got no answer. */
  #troubled(): void {
    if (this.#retry !== -1 || this.#dropped) return;
    const { now } = this.#world;
    const again = this.#sentAt + Math.min(retryDelayMin * 2 ** this.#retries, retryDelayMax);
    this.#retry = this.#world.scheduleAt(Math.max(again, now), this.#onRetry);
  }

  readonly #onRetry = {
    run: (): void => {
      this.#retry = -1;
      if (++this.#retries > retriesMax) {
        this.drop();
        this.#from.timedOut();
      } else if (!this.#unconfirmed || this.#askAgain()) {
        this.#transmit();
      }
    },
  };

  /** Sends again what was received already, for its confirmation. False: in vain. */
  #askAgain(): boolean {
    this.#sentAt = this.#world.now;
    const arrival = (this.#link as Link).transmit(0, this.#lastArrival);
    if (arrival === Infinity || !this.#to.machine.up || (this.#back as Link).cut) {
      this.#troubled();
      return false;
    }
    if (this.#to.vanished) {
      this.#to.sendReset();
      return false;
    }
    this.#confirm(arrival + (this.#back as Link).leastLatency);
    this.#awaitConfirmation();
    return true;
  }

  #noteSent(segment: Segment): void {
    if (this.#world.trace === null) return;
    const { network } = this.#world;
    segment.message = network.noteSent(this.#from.machine, this.#to.machine, this.#describe(segment));
  }

  #noteArrived(segment: Segment): void {
    if (this.#world.trace === null) return;
    const { network } = this.#world;
    const text = this.#describe(segment);
    network.noteArrived(this.#from.machine, this.#to.machine, text, segment.message);
  }

  #noteLost(segment: Segment): void {
    if (this.#world.trace === null) return;
    const { network } = this.#world;
    network.noteLost(this.#from.machine, this.#to.machine, this.#describe(segment), segment.message);
  }

  #describe(segment: Segment): string {
    const { kind, byteCount } = segment;
    const what = kind === 'data' ? `data ${bytes(byteCount)}` : names[kind];
    return `${what} → ${this.#to.label}`;
  }
}

/** Whether there is one is said by where it is. */
function describeCut(outcome: number, count: number): string {
  return count === 2 ? '' : `after ${bytes(outcome + 1)}`;
}

function bytes(count: number): string {
  return `${count} byte${count === 1 ? '' : 's'}`;
}
