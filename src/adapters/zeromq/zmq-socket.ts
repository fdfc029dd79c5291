import type { Future } from '../../coroutines/index.ts';
import { type EventLoop, StateError, SystemError } from '../../interface/index.ts';
import { LinkedList } from '../../sync/linked-list.ts';
import { granted, refused, Waiter } from '../../sync/waiter.ts';
import { type Address, copyNative, EAGAIN, EINTR, EMSGSIZE, errno } from '../../syscalls/index.ts';
import { cell, type Libzmq, terminated, zmqFailure } from './libzmq.ts';
import { bytesOf, kept, type Message, type MessagePart, partBytesLimit, partsOf } from './message.ts';
import type { SocketKind } from './socket-kinds.ts';
import { checkedLinger, setLinger, setOption } from './socket-options.ts';
import type { WatchDescriptor } from './socket-watch.ts';

const ZMQ_SUBSCRIBE = 6;
const ZMQ_UNSUBSCRIBE = 7;
const ZMQ_FD = 14;
const ZMQ_EVENTS = 15;
const ZMQ_LAST_ENDPOINT = 32;
const ZMQ_POLLIN = 1;
const ZMQ_POLLOUT = 2;
const ZMQ_DONTWAIT = 1;
const ZMQ_SNDMORE = 2;

const endpointBytesMax = 1024;

/** Until a send is tried again of which libzmq does not say when it can be, in milliseconds. */
const blindRetry = 5;

/** These choose one peer for all parts, and drop what is left of a message when that peer is lost in the middle of it. */
const dropsTheRest: ReadonlySet<SocketKind> = new Set(['dealer', 'push']);

export interface CloseOptions {
  /** in place of the socket's own */
  linger?: number | null | undefined;
}

/** What a context hands to its socket. */
interface SocketParts {
  readonly kind: SocketKind;
  readonly libzmq: Libzmq;
  readonly address: Address;
  readonly loop: EventLoop;
  readonly watch: WatchDescriptor;
  readonly linger: number | null;
  closed(linger: number | null): void;
}

/**
 * A socket of ZeroMQ. Which calls are allowed, and when, is by its kind; what libzmq refuses fails with its code: `ENOTSUP`,
 * `EFSM`.
 *
 * How it waits: libzmq has a descriptor that becomes readable when something has happened to the socket. Whatever looks at
 * the socket after that, a send too, takes that sign away, and there is no other one for what happened before. So behind
 * each call that was made while somebody waits, it is asked what it is ready for (`ZMQ_EVENTS`), until there is nothing
 * left that any of them wants.
 *
 * @see zmq_socket(3), zmq_getsockopt(3) of ZMQ_FD
 */
export class ZmqSocket implements AsyncIterable<Uint8Array[]> {
  readonly kind: SocketKind;
  readonly #libzmq: Libzmq;
  readonly #loop: EventLoop;
  readonly #watch: WatchDescriptor;
  readonly #linger: number | null;
  readonly #onClosed: (linger: number | null) => void;
  /** 0: closed */
  #address: Address;
  readonly #receivers = new LinkedList<Receiver>();
  readonly #senders = new LinkedList<Sender>();
  /** Taken from libzmq, and back from who was cancelled: they come before all others. */
  readonly #returned: Received[] = [];
  #receivedCount = 0;
  #unwatch: (() => void) | null = null;
  #lookPending = false;
  #retryPending = false;

  /** @internal */
  constructor(parts: SocketParts) {
    this.kind = parts.kind;
    this.#libzmq = parts.libzmq;
    this.#address = parts.address;
    this.#loop = parts.loop;
    this.#watch = parts.watch;
    this.#linger = parts.linger;
    this.#onClosed = parts.closed;
  }

  get closed(): boolean {
    return this.#address === 0;
  }

  /**
   * @param endpoint `tcp://127.0.0.1:*`, `ipc:///run/x`, `inproc://x`
   * @returns to where others can connect: with the port that was found
   * @throws {SystemError} EADDRINUSE, EINVAL, EPROTONOSUPPORT, ENODEV, ENOENT, EACCES
   * @throws {StateError} closed
   * @see zmq_bind(3)
   */
  bind(endpoint: string): string {
    this.#name('bind to', 'zmq_bind', endpoint);
    return this.#lastEndpoint();
  }

  /**
   * Connects, now or as soon as somebody listens there, and again whenever the connection was lost.
   *
   * @throws {SystemError} EINVAL, EPROTONOSUPPORT @throws {StateError} closed @see zmq_connect(3)
   */
  connect(endpoint: string): this {
    this.#name('connect to', 'zmq_connect', endpoint);
    return this;
  }

  /** @param endpoint as `bind` returned it @throws {SystemError} ENOENT: it is not bound to that */
  unbind(endpoint: string): this {
    this.#name('unbind from', 'zmq_unbind', endpoint);
    return this;
  }

  /** What was not sent there yet is dropped. @throws {SystemError} ENOENT: it was not connected to that */
  disconnect(endpoint: string): this {
    this.#name('disconnect from', 'zmq_disconnect', endpoint);
    return this;
  }

  /** Receives messages of which the first part begins so; all unless given. @throws {SystemError} EINVAL: no sub socket */
  subscribe(prefix: MessagePart = ''): this {
    return this.#subscription('subscribe', ZMQ_SUBSCRIBE, prefix);
  }

  /** Takes one `subscribe` back. */
  unsubscribe(prefix: MessagePart = ''): this {
    return this.#subscription('unsubscribe', ZMQ_UNSUBSCRIBE, prefix);
  }

  /**
   * Sends a message whole, behind those that wait. Done when libzmq has it, at once if there is room: then it is on its way, and
   * no more is known. Waits while no peer is there, or their queues are full, where the kind of socket does not drop.
   * Cancelled, nothing was sent.
   *
   * @param message its memory may be used again when this has returned
   * @throws {StateError} closed @throws {TypeError | RangeError} no message
   * @throws {SystemError} from the future: EFSM, ENOTSUP, EHOSTUNREACH
   * @see zmq_send(3)
   */
  send(message: Message): Future<void> {
    this.#open('send');
    const parts = partsOf(message);
    try {
      if (this.#senders.length === 0 && this.#trySend(parts)) return granted(this.#loop, undefined);
    } catch (error) {
      return refused(this.#loop, error as Error);
    } finally {
      // It may have taken away the sign that those wait for who receive.
      if (this.#receivers.length > 0) this.#serve();
    }
    const sender = this.#senders.push(new Sender(this.#loop, kept(parts), this.#left));
    this.#wait(sender);
    return sender;
  }

  /**
   * The next message: its parts, at least one, the receiver's to keep. Cancelled, none is lost.
   *
   * @throws {StateError} closed; from the future if it is closed meanwhile
   * @throws {SystemError} from the future: EFSM, ENOTSUP
   * @see zmq_msg_recv(3)
   */
  receive(): Future<Uint8Array[]> {
    this.#open('receive');
    if (this.#receivers.length === 0) {
      const returned = this.#returned.shift();
      if (returned !== undefined) return granted(this.#loop, returned.message);
      let message: Uint8Array[] | null;
      try {
        message = this.#tryReceive();
      } catch (error) {
        return refused(this.#loop, error as Error);
      } finally {
        if (this.#senders.length > 0) this.#serve();
      }
      if (message !== null) return granted(this.#loop, message);
    }
    const giveBack = (received: Received) => this.#return(received);
    const receiver = this.#receivers.push(new Receiver(this.#loop, giveBack, this.#left));
    this.#wait(receiver);
    return receiver;
  }

  /** All messages, until the socket is closed. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array[], void, undefined> {
    while (!this.closed) {
      try {
        yield await this.receive();
      } catch (error) {
        if (this.closed && error instanceof StateError) return;
        throw error;
      }
    }
  }

  /**
   * Closes it at once; what was sent still goes out, as long as it lingers. Who waits for it fails. Idempotent.
   *
   * @throws {RangeError} the time to linger is none
   */
  close(options: CloseOptions = {}): void {
    const linger = options.linger === undefined ? this.#linger : checkedLinger(options.linger);
    const address = this.#address;
    if (address === 0) return;
    this.#address = 0;
    // Before: another thread closes the descriptor, and its number may be somebody else's at any time.
    this.#stopWatching();
    this.#onClosed(linger);
    setLinger(this.#libzmq, address, linger);
    this.#libzmq.zmq_close(address);
    this.#returned.length = 0;
    for (const waiters of [this.#receivers, this.#senders]) {
      for (let next = waiters.shift(); next !== null; next = waiters.shift()) {
        next.refuse(closedSocket(next instanceof Sender ? 'send' : 'receive'));
      }
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }

  toString(): string {
    return `<ZmqSocket ${this.kind} ${this.closed ? 'closed' : 'open'}>`;
  }

  #open(doing: string): Address {
    if (this.#address === 0) throw closedSocket(doing);
    return this.#address;
  }

  #name(
    doing: string,
    call: 'zmq_bind' | 'zmq_unbind' | 'zmq_connect' | 'zmq_disconnect',
    endpoint: string,
  ): void {
    const address = this.#open(`${doing} ${String(endpoint)}`);
    const name = terminated(endpoint);
    if (this.#libzmq[call](address, name) !== 0) throw zmqFailure(this.#libzmq, `${doing} ${endpoint}`, call);
    // These too may have taken the sign away.
    if (this.#receivers.length > 0 || this.#senders.length > 0) this.#serve();
  }

  #lastEndpoint(): string {
    const text = new Uint8Array(new ArrayBuffer(endpointBytesMax));
    const byteCount = BigUint64Array.of(BigInt(endpointBytesMax));
    if (this.#libzmq.zmq_getsockopt(this.#address, ZMQ_LAST_ENDPOINT, text, byteCount) !== 0) {
      throw zmqFailure(this.#libzmq, 'ask to where it is bound', 'zmq_getsockopt');
    }
    // What is counted ends with a NUL.
    return new TextDecoder().decode(text.subarray(0, Math.max(Number(byteCount[0]) - 1, 0)));
  }

  #subscription(doing: string, option: number, prefix: MessagePart): this {
    setOption(this.#libzmq, this.#open(doing), 'a subscription', option, bytesOf(prefix));
    if (this.#receivers.length > 0) this.#serve();
    return this;
  }

  #number(option: number): number {
    const value = cell();
    const byteCount = BigUint64Array.of(4n);
    // EINTR: nothing has been looked at.
    while (this.#libzmq.zmq_getsockopt(this.#address, option, value, byteCount) !== 0) {
      if (errno() !== EINTR)
        throw zmqFailure(this.#libzmq, `get option ${option} of a socket`, 'zmq_getsockopt');
    }
    return value[0] as number;
  }

  /** False: not now, and nothing of it was sent. @throws {SystemError} */
  #trySend(parts: readonly Uint8Array[]): boolean {
    const { zmq_send } = this.#libzmq;
    const last = parts.length - 1;
    for (let index = 0; index <= last; ) {
      const part = parts[index] as Uint8Array;
      const flags = index < last ? ZMQ_DONTWAIT | ZMQ_SNDMORE : ZMQ_DONTWAIT;
      if (zmq_send(this.#address, part, part.byteLength, flags) >= 0) {
        index++;
        continue;
      }
      const number = errno();
      if (number === EINTR) continue;
      if (number !== EAGAIN) throw zmqFailure(this.#libzmq, 'send', 'zmq_send', number);
      if (index > 0) this.#dropRest(last - index);
      return false;
    }
    return true;
  }

  /**
   * The peer was lost between two parts of a message, and what it had of it is dropped. All parts that follow are too, up to
   * the last one; then the message can be begun anew.
   */
  #dropRest(partCount: number): void {
    if (this.kind === 'req') {
      throw new SystemError('Cannot send: the peer was lost in the middle of the request (ECONNRESET)', {
        code: 'ECONNRESET',
        syscall: 'zmq_send',
      });
    }
    if (!dropsTheRest.has(this.kind)) return;
    const nothing = new Uint8Array(new ArrayBuffer(1));
    for (let left = partCount; left > 0; left--) {
      this.#libzmq.zmq_send(this.#address, nothing, 0, left > 1 ? ZMQ_DONTWAIT | ZMQ_SNDMORE : ZMQ_DONTWAIT);
    }
  }

  /** null: there is none now. @throws {SystemError} @throws {RangeError} there is no memory for it */
  #tryReceive(): Uint8Array[] | null {
    const libzmq = this.#libzmq;
    const message = libzmq.message.address;
    const parts: Uint8Array[] = [];
    let failure: unknown = null;
    for (let more = true; more; ) {
      libzmq.zmq_msg_init(message);
      const received = libzmq.zmq_msg_recv(message, this.#address, ZMQ_DONTWAIT);
      if (received < 0) {
        const number = errno();
        libzmq.zmq_msg_close(message);
        if (number === EINTR) continue;
        if (number === EAGAIN && parts.length === 0 && failure === null) return null;
        throw failure ?? zmqFailure(libzmq, 'receive', 'zmq_msg_recv', number);
      }
      try {
        // Behind a failure the rest is taken out all the same: it would look like a message of its own.
        if (failure === null) parts.push(this.#copyPart(received));
      } catch (error) {
        failure = error;
      }
      more = libzmq.zmq_msg_more(message) !== 0;
      libzmq.zmq_msg_close(message);
    }
    if (failure !== null) throw failure;
    return parts;
  }

  #copyPart(received: number): Uint8Array {
    const libzmq = this.#libzmq;
    const message = libzmq.message.address;
    // As much as an int can tell, it says of all that is larger.
    if (received === partBytesLimit && libzmq.zmq_msg_size(message) > partBytesLimit) {
      throw zmqFailure(libzmq, 'receive', 'zmq_msg_recv', EMSGSIZE);
    }
    return copyNative(libzmq.zmq_msg_data(message), received);
  }

  /** For one who is now in line. */
  #wait(waiter: Receiver | Sender): void {
    try {
      this.#unwatch ??= this.#watch(this.#number(ZMQ_FD), this.#onReadable);
    } catch (error) {
      (waiter.list as LinkedList<Receiver | Sender> | null)?.remove(waiter);
      waiter.refuse(error);
      return;
    }
    this.#serve();
  }

  #stopWatching(): void {
    this.#unwatch?.();
    this.#unwatch = null;
  }

  readonly #onReadable = (): void => {
    if (this.#address === 0) return;
    this.#serve();
    // Whoever has just been served will probably come again in this turn: that costs two system calls less.
    if (this.#isIdle()) this.#lookLater();
  };

  /** Somebody who waited was cancelled. */
  readonly #left = (): void => {
    if (this.#isIdle()) this.#lookLater();
  };

  #isIdle(): boolean {
    return this.#receivers.length === 0 && this.#senders.length === 0;
  }

  #lookLater(): void {
    if (this.#lookPending || this.#unwatch === null || this.#loop.isClosed()) return;
    this.#lookPending = true;
    this.#loop.callSoon(() => {
      this.#lookPending = false;
      if (this.#isIdle()) this.#stopWatching();
    });
  }

  /** Gives those who wait what they wait for, as far as it is there. Afterwards the descriptor tells of all that comes. */
  #serve(): void {
    let sendingStuck = false;
    for (;;) {
      const events = this.#events();
      const received = this.#receivers.length > 0 && (events & ZMQ_POLLIN) !== 0 && this.#serveReceivers();
      let tried = false;
      if (this.#senders.length > 0 && (events & ZMQ_POLLOUT) !== 0 && !sendingStuck) {
        tried = true;
        sendingStuck = !this.#serveSenders();
      }
      if (!received && !tried) break;
    }
    // It can be sent, but not this: a router knows only of all its peers together.
    if (sendingStuck && this.#senders.length > 0) this.#retryLater();
  }

  #events(): number {
    try {
      return this.#number(ZMQ_EVENTS);
    } catch {
      // Those who wait hear of it by their own calls.
      return ZMQ_POLLIN | ZMQ_POLLOUT;
    }
  }

  /** False: none was received. */
  #serveReceivers(): boolean {
    let progress = false;
    for (let first = this.#receivers.first; first !== null; first = this.#receivers.first) {
      let message: Uint8Array[] | null;
      try {
        message = this.#tryReceive();
      } catch (error) {
        this.#receivers.remove(first);
        first.refuse(error);
        progress = true;
        continue;
      }
      if (message === null) break;
      progress = true;
      this.#receivers.remove(first);
      first.give({ message, number: this.#receivedCount++ });
    }
    return progress;
  }

  /** False: the first could not be sent. */
  #serveSenders(): boolean {
    for (let first = this.#senders.first; first !== null; first = this.#senders.first) {
      try {
        if (!this.#trySend(first.parts)) return false;
      } catch (error) {
        this.#senders.remove(first);
        first.refuse(error);
        continue;
      }
      this.#senders.remove(first);
      first.grant();
    }
    return true;
  }

  #retryLater(): void {
    if (this.#retryPending) return;
    this.#retryPending = true;
    this.#loop.callLater(blindRetry, () => {
      this.#retryPending = false;
      if (this.#address !== 0 && this.#senders.length > 0) this.#serve();
    });
  }

  /** Whoever was to have it is gone: it is the next one's. False: the socket is closed. */
  #return(received: Received): boolean {
    if (this.#address === 0) return false;
    const next = this.#receivers.shift();
    if (next !== null) {
      next.give(received);
      return true;
    }
    const after = this.#returned.findIndex(({ number }) => number > received.number);
    this.#returned.splice(after === -1 ? this.#returned.length : after, 0, received);
    return true;
  }
}

interface Received {
  readonly message: Uint8Array[];
  /** in the order in which they came */
  readonly number: number;
}

class Receiver extends Waiter<Uint8Array[]> {
  readonly #giveBack: (received: Received) => boolean;
  readonly #left: () => void;
  #received: Received | null = null;

  constructor(loop: EventLoop, giveBack: (received: Received) => boolean, left: () => void) {
    super(loop);
    this.#giveBack = giveBack;
    this.#left = left;
  }

  protected override abandoned(): void {
    this.#left();
  }

  give(received: Received): void {
    this.#received = received;
    this.grant(received.message);
  }

  protected override takeBack(): boolean {
    return this.#received !== null && this.#giveBack(this.#received);
  }
}

class Sender extends Waiter<void> {
  readonly parts: readonly Uint8Array[];
  readonly #left: () => void;

  constructor(loop: EventLoop, parts: readonly Uint8Array[], left: () => void) {
    super(loop);
    this.parts = parts;
    this.#left = left;
  }

  protected override abandoned(): void {
    this.#left();
  }

  override grant(): void {
    super.grant(undefined);
  }
}

function closedSocket(doing: string): StateError<'ERR_SOCKET_CLOSED'> {
  return new StateError('ERR_SOCKET_CLOSED', `Cannot ${doing}: the socket is closed`);
}
