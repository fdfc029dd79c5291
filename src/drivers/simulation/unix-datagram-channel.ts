import { type SocketAddress, SystemError, type UnixAddress } from '../../interface/index.ts';
import { describeAddress } from '../common/describe-address.ts';
import { type KernelErrorCode, kernelError } from './kernel-error.ts';
import { bufferBytesMax, overheadBytes, SimulatedDatagramChannel } from './simulated-datagram-channel.ts';
import type { SocketProgram } from './socket-program.ts';
import { pathBytesMax, type UnixNames } from './unix-names.ts';

/** What net.unix.max_dgram_qlen is: a socket with more than so many takes no further one. @see unix(7) */
const waitingMax = 10;

/** So much of what one can lie in a socket is not for its bytes. */
const reservedBytes = 32;

interface Queued {
  readonly data: Uint8Array;
  readonly to: UnixAddress | null;
}

const utf8 = new TextEncoder();

/** Datagrams between the programs of one machine, which are kept for as long as their receiver has no room. */
export class UnixDatagramChannel extends SimulatedDatagramChannel {
  readonly family = 'unix';
  readonly #names: UnixNames<object>;
  /** senders that wait for room here */
  readonly #waiting = new Set<UnixDatagramChannel>();
  #localAddress: UnixAddress = { path: '' };
  #remoteAddress: UnixAddress | null = null;
  #peer: UnixDatagramChannel | null = null;
  /** what was sent and not read yet counts for so much */
  #unreadBytes = 0;
  #queue: Queued[] = [];
  #queuedBytes = 0;
  #flushing = false;

  constructor(program: SocketProgram) {
    super(program);
    this.#names = program.machine.kernel.unixNames;
  }

  get localAddress(): UnixAddress {
    return this.#localAddress;
  }

  get remoteAddress(): UnixAddress | null {
    return this.#remoteAddress;
  }

  /** null: it is bound. */
  bind(path: string): KernelErrorCode | null {
    if (path === '') return null;
    if (!this.#names.claim(path, this)) return 'EADDRINUSE';
    this.#localAddress = { path };
    return null;
  }

  /** null: it is connected. */
  connect(to: UnixAddress): KernelErrorCode | null {
    const peer = this.#find(to);
    if (typeof peer === 'string') return peer;
    this.#peer = peer;
    this.#remoteAddress = { path: to.path };
    return null;
  }

  send(data: Uint8Array, address: SocketAddress | null): boolean {
    if (address !== null && !('path' in address))
      throw new RangeError(`Cannot send to ${describeAddress(address)}: it is no path`);
    if (address !== null) checkPath(address.path);
    if (this.closed) return true;
    if (this.#queue.length === 0 && this.#transmit(data, address)) return true;
    this.#queue.push({ data: new Uint8Array(data), to: address === null ? null : { path: address.path } });
    this.#queuedBytes += data.length;
    return false;
  }

  override toString(): string {
    return `<I/O: datagrams of ${describeAddress(this.#localAddress)}>`;
  }

  protected release(): void {
    this.#queue = [];
    if (this.#localAddress.path !== '')
      this.#names.release(this.#localAddress.path, this, { keepFile: false });
    this.#roomMade();
  }

  /** False: there is no room for it now. What is refused is told of, and gone. */
  #transmit(data: Uint8Array, address: UnixAddress | null): boolean {
    const receiver = data.length > bufferBytesMax - reservedBytes ? 'EMSGSIZE' : this.#receiver(address);
    if (typeof receiver === 'string') {
      const to = address ?? this.#remoteAddress;
      const whom = to === null ? '' : ` to ${describeAddress(to)}`;
      const fields = to === null ? {} : { address: to.path };
      this.trouble(kernelError(`send a datagram${whom}`, 'sendto', receiver, fields));
      return true;
    }
    if (receiver.waitingCount > waitingMax) {
      receiver.#waiting.add(this);
      return false;
    }
    if (this.#unreadBytes >= bufferBytesMax) return false;
    const counted = data.length + overheadBytes;
    this.#unreadBytes += counted;
    receiver.receive({
      data: new Uint8Array(data),
      from: { ...this.#localAddress },
      read: () => {
        this.#unreadBytes -= counted;
        this.#flushLater();
        receiver.#roomMade();
      },
    });
    return true;
  }

  #receiver(address: UnixAddress | null): UnixDatagramChannel | KernelErrorCode {
    if (address !== null) return this.#find(address);
    if (this.#peer === null) return 'ENOTCONN';
    if (!this.#peer.closed) return this.#peer;
    // Told once; from then on it is connected to nobody.
    this.#peer = null;
    return 'ECONNREFUSED';
  }

  #find({ path }: UnixAddress): UnixDatagramChannel | KernelErrorCode {
    if (path === '') return 'EINVAL';
    const found = this.#names.at(path);
    if (typeof found === 'string') return found;
    if (!(found instanceof UnixDatagramChannel)) return 'EPROTOTYPE';
    // One that is connected takes from its peer only.
    return found.#peer === null || found.#peer === this ? found : 'EPERM';
  }

  #roomMade(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const sender of waiting) sender.#flushLater();
  }

  #flushLater(): void {
    if (this.#flushing || this.closed || this.#queue.length === 0) return;
    this.#flushing = true;
    this.program.enqueue({ run: () => this.#flush() });
  }

  #flush(): void {
    this.#flushing = false;
    if (this.closed) return;
    let sent = 0;
    for (const { data, to } of this.#queue) {
      if (!this.#transmit(data, to)) break;
      this.#queuedBytes -= data.length;
      sent++;
    }
    this.#queue.splice(0, sent);
    if (sent > 0) this.sink?.sendProgress(this.#queue.length, this.#queuedBytes);
  }
}

/** @throws {SystemError} EINVAL: no kernel takes such a path */
export function checkPath(path: string): void {
  const byteCount = utf8.encode(path).length;
  const isAbstract = path.startsWith('\0');
  if (!isAbstract && path.includes('\0')) {
    throw new SystemError(`Cannot use the path ${JSON.stringify(path)}: it contains a NUL`, {
      code: 'EINVAL',
      address: path,
    });
  }
  if (byteCount > pathBytesMax + (isAbstract ? 1 : 0)) {
    throw new SystemError(
      `Cannot use the path ${path.replace(/^\0/, '@')}: it has ${byteCount} bytes, the kernel takes ${pathBytesMax}`,
      { code: 'EINVAL', address: path },
    );
  }
}
