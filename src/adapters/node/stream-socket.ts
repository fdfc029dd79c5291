import { AsyncResource } from 'node:async_hooks';
import type { BlockList, OnReadOpts } from 'node:net';
import { addAbortSignal, Duplex } from 'node:stream';
import type { BufferedProtocol, EventLoop, Protocol, Task, Transport } from '../../interface/index.ts';
import { getRunningLoop } from '../../loop/index.ts';
import { StreamTransport } from '../../transports/index.ts';
import { IdleTimer, timerDuration } from './idle-timer.ts';
import { coded, connectFailure, invalidType, nodeFailure, socketClosed } from './node-failure.ts';
import { type NodeAddress, nodeAddress } from './socket-address.ts';
import { type ConnectArguments, connectSocket, readTarget, type SocketTarget } from './socket-target.ts';

type WriteCallback = (error?: Error | null) => void;

/** A chunk as Node's streams hand it over when several were collected. */
interface CollectedChunk {
  chunk: Buffer | string;
  encoding: BufferEncoding;
}

/** So much is put together into one write; what is larger goes as it is. */
const joinedBytesMax = 64 * 1024;

export interface StreamSocketOptions {
  /** the one to connect on; the running one unless given */
  loop?: EventLoop | undefined;
  /** keep our direction open when the peer has ended the other; false unless given */
  allowHalfOpen?: boolean | undefined;
  /** bytes buffered in each direction before it is enough; Node's default unless given */
  highWaterMark?: number | undefined;
  /** destroys the socket when it is aborted */
  signal?: AbortSignal | undefined;
  /** reads into this buffer, and tells the callback instead of emitting 'data'; false from it pauses the socket */
  onread?: OnReadOpts | undefined;
  /** addresses not to be connected to */
  blockList?: BlockList | undefined;
}

/** A server of Node's, as the sockets that it has accepted know it. */
interface Accepter {
  _connections: number;
  _emitCloseIfDrained(): void;
}

/**
 * A `net.Socket` whose bytes go through a transport of ours, on any loop and driver, and whose timeouts are on the loop's
 * clock. It is at the same time that transport's protocol: `loop.createServer(() => new StreamSocket())`.
 *
 * - Reading pauses the transport while the stream's buffer is full.
 * - A write is called back when the kernel has taken it all, so that `writableLength` is what it has not, 'finish' comes
 *   when all is with the kernel, and `destroy` drops the rest.
 * - Events, their order and errors are a `net.Socket`'s. What a listener throws is reported to the loop's exception handler
 *   and ends the connection, as with any protocol.
 * - It is no `instanceof net.Socket`, which to Node's TLS is something with a handle of libuv's. Nothing of libuv's is on
 *   its way.
 *
 * `setNoDelay` does nothing: our connections do not wait to collect bytes. Nor does `setKeepAlive`.
 */
export class StreamSocket extends Duplex implements Protocol {
  /**
   * Connects a new socket. @param args options, with what the constructor takes among them; or port and host, or a path
   *
   * @throws {StateError} no loop was given, and none runs
   * @throws {TypeError | RangeError} as `net.connect` does
   */
  static connect(
    ...args: ConnectArguments | [StreamSocketOptions & SocketTarget, connected?: () => void]
  ): StreamSocket {
    const [target, connected] = readTarget(args);
    const socket = new StreamSocket(target as StreamSocketOptions);
    if (target.timeout) socket.setTimeout(target.timeout);
    return connected === null ? socket.connect(target) : socket.connect(target, connected);
  }

  connecting = false;
  /** milliseconds, as `setTimeout` was told */
  timeout: number | undefined;
  /** of its server, where one has accepted it */
  server: unknown = null;
  /** @internal */
  _server: Accepter | null = null;
  /** @internal */
  _parent: unknown = null;
  _hadError = false;
  /** There is none, as of a `net.Socket` that is not connected. */
  readonly _handle = null;
  /** `host:port` of the addresses that were tried in turn; undefined: there was no choice, or it was the loop's */
  autoSelectFamilyAttemptedAddresses: string[] | undefined;
  readonly blockList: BlockList | undefined;
  #loop: EventLoop | null;
  #opening: Task<void> | null = null;
  #transport: Transport | null = null;
  /** where it was connected; null: it was not, but accepted */
  #scope: AsyncResource | null = null;
  /** of the connection, or the last one: known after its end too */
  #addresses: { local: NodeAddress; remote: NodeAddress } | null = null;
  #readingPaused = false;
  /** Somebody asked to read before there was a connection. */
  #readWanted = false;
  #writingPaused = false;
  /** of the write that the transport has not done yet */
  #writeCallback: WriteCallback | null = null;
  /** what of that write the transport has not been given */
  #rest: Buffer[] = [];
  /** of a write that waits for the connection */
  #waitingBytes = 0;
  #bytesRead = 0;
  #bytesWritten = 0;
  #idle: IdleTimer | null = null;
  /** as `ref` and `unref` say */
  #keepsAlive = true;
  /** what the transport was told */
  #refd = true;
  #peerEnded = false;
  #resets = false;
  readonly #onread: OnReadOpts | null;

  constructor(options: StreamSocketOptions = {}) {
    const { fd, handle } = options as { fd?: unknown; handle?: unknown };
    if (typeof options !== 'object' || options === null || fd !== undefined || handle !== undefined) {
      throw new TypeError('Cannot make the socket: a descriptor or a handle cannot be one of the loop’s');
    }
    refuseObjectMode(options);
    const { allowHalfOpen = false, highWaterMark, signal } = options;
    super({
      allowHalfOpen: Boolean(allowHalfOpen),
      // 'close' comes when the connection is gone, and says whether by an error.
      emitClose: false,
      // Strings are encoded where they are put together.
      decodeStrings: false,
      highWaterMark,
    });
    this.blockList = options.blockList;
    this.#loop = options.loop ?? null;
    this.#onread = typeof options.onread?.callback === 'function' ? options.onread : null;
    this.on('end', refuseWrites);
    if (signal === undefined || signal === null) return;
    // The stream would destroy itself at once, before it is a socket, and then be connected by `StreamSocket.connect`.
    if (signal instanceof AbortSignal && signal.aborted) process.nextTick(addAbortSignal, signal, this);
    else addAbortSignal(signal, this);
  }

  /** What it is connected, or connects, on; null before that. */
  get loop(): EventLoop | null {
    return this.#loop;
  }

  /** @throws {StateError} no loop was given, and none runs; {TypeError | RangeError} as `net.connect` does */
  connect(...args: ConnectArguments | unknown[]): this {
    const [target, connected] = readTarget(args);
    if (connected !== null) this.once('connect', connected);
    // A socket may outlive the loop that it was connected on.
    const loop = this.#loop === null || this.#loop.isClosed() ? getRunningLoop() : this.#loop;
    this.#loop = loop;
    this.#letGo(true);
    if (this.write !== Duplex.prototype.write) this.write = Duplex.prototype.write;
    // Sockets are connected again after their end, by those who want to stay connected.
    if (this.destroyed) (this as unknown as { _undestroy(): void })._undestroy();
    this.#addresses = null;
    this.#bytesRead = 0;
    this.#bytesWritten = 0;
    this.#peerEnded = false;
    this.autoSelectFamilyAttemptedAddresses = undefined;
    this.connecting = true;
    this.#idle?.start(loop);
    this.#idle?.touch();
    // Listeners run in the async context of this call, as Node's do.
    const scope = new AsyncResource('StreamSocket');
    this.#scope = scope;
    const factory = () => ({
      connectionMade: (transport: Transport) => {
        // Destroyed, or connected anew, meanwhile?
        if (this.#opening !== opening) {
          abandon(transport, true);
          return;
        }
        transport.setProtocol(new Scoped(this, scope));
        scope.runInAsyncScope(this.connectionMade, this, transport);
      },
    });
    const connecting = connectSocket(loop, this, target, factory);
    const opening = loop.createTask(connecting, { name: 'StreamSocket.connect' });
    this.#opening = opening;
    opening.addDoneCallback(() => scope.runInAsyncScope(() => this.#opened(opening, target)));
    return this;
  }

  #opened(opening: Task<void>, target: SocketTarget): void {
    const failure = opening.cancelled() ? null : opening.exception();
    if (this.#opening !== opening) return;
    this.#opening = null;
    if (opening.cancelled()) this.destroy(this.#endOfRun());
    else if (failure !== null) this.destroy(connectFailure(failure, target));
  }

  /**
   * Why the attempt was given up. Those who listen are told, since what looks like a lost connection is tried again at once
   * by some; where nobody does, it ends no process.
   */
  #endOfRun(): Error | undefined {
    if (this.listenerCount('error') === 0) return undefined;
    const error = new Error('connect ECANCELED: the run has ended');
    return Object.assign(coded('ECANCELED', error), { syscall: 'connect' });
  }

  // What the transport calls.

  connectionMade(transport: Transport): void {
    this.#opening = null;
    if (this.destroyed) {
      abandon(transport, true);
      return;
    }
    this.#loop ??= getRunningLoop();
    this.#transport = transport;
    this.#addresses = {
      local: nodeAddress(transport.getExtraInfo('sockname')),
      remote: nodeAddress(transport.getExtraInfo('peername')),
    };
    // Every byte that the kernel does not take pauses us, and we go on when it has taken the last one.
    transport.setWriteBufferLimits({ high: 0 });
    if (this.#onread !== null) transport.setProtocol(new OwnBuffer(this, this.#onread));
    this.#writingPaused = false;
    this.#refd = true;
    this.#readingPaused = this.isPaused() && !this.#readWanted;
    if (this.#readingPaused) transport.pauseReading();
    this.#updateRef();
    this.#idle?.start(this.#loop);
    this.#idle?.touch();
    if (!this.connecting) return;
    this.connecting = false;
    this.emit('connect');
    this.emit('ready');
  }

  dataReceived(data: Uint8Array): void {
    this.countRead(data.length);
    const chunk = Buffer.from(data.buffer, data.byteOffset, data.length);
    // What `push` does with a stream that flows, but for a tick in which to ask for more: the transport reads on by itself.
    if (this.readableFlowing === true && this.readableLength === 0 && this.#hasFlowed()) {
      this.emit('data', chunk);
    } else if (!this.push(chunk)) {
      this.#pauseTransport();
    }
  }

  #hasFlowed(): boolean {
    return this.readableDidRead && this.readableEncoding === null && this.listenerCount('data') > 0;
  }

  /** @internal */
  countRead(byteCount: number): void {
    this.#bytesRead += byteCount;
    this.#idle?.touch();
  }

  /** Always keeps the other direction open: the stream knows whether to end it. */
  eofReceived(): boolean {
    this.#peerEnded = true;
    this.#updateRef();
    this.push(null);
    // Ends it, if nothing is buffered, also where nobody reads.
    this.read(0);
    return true;
  }

  pauseWriting(): void {
    this.#writingPaused = true;
    this.#updateRef();
  }

  resumeWriting(): void {
    this.#writingPaused = false;
    this.#idle?.touch();
    this.#sendRest();
    this.#updateRef();
  }

  connectionLost(error: Error | null): void {
    this.#transport = null;
    if (error === null) this.destroy();
    else this.destroy(nodeFailure(error));
  }

  // What the stream calls.

  override _read(): void {
    if (this.#transport === null) this.#readWanted = true;
    if (!this.#readingPaused || this.#transport === null) return;
    this.#readingPaused = false;
    this.#transport.resumeReading();
    this.#updateRef();
  }

  override _write(chunk: Buffer | string, encoding: BufferEncoding, callback: WriteCallback): void {
    if (this.#transport === null) {
      this.#writeLater(byteLength(chunk, encoding), callback, () => this._write(chunk, encoding, callback));
      return;
    }
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk;
    this.#bytesWritten += bytes.length;
    this.#idle?.touch();
    this.#transport.write(bytes);
    if (this.#writingPaused) this.#writeCallback = callback;
    else callback();
  }

  override _writev(chunks: CollectedChunk[], callback: WriteCallback): void {
    if (this.#transport === null) {
      this.#writeLater(bytesIn(chunks), callback, () => this._writev(chunks, callback));
      return;
    }
    this.#idle?.touch();
    this.#rest = joined(chunks);
    for (const { length } of this.#rest) this.#bytesWritten += length;
    this.#writeCallback = callback;
    this.#sendRest();
  }

  override _final(callback: WriteCallback): void {
    if (this.connecting) {
      this.once('connect', () => this._final(callback));
      return;
    }
    this.#transport?.writeEof();
    callback();
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.connecting = false;
    this._hadError = error !== null;
    this.#idle?.clear();
    const transport = this.#letGo(error !== null);
    callback(error);
    // Behind 'error', which is emitted by a tick too.
    if (transport === null) process.nextTick(emitClose, this);
    else transport.setProtocol(new Farewell(this, this.#scope));
    const { _server: server } = this;
    if (server !== null) {
      this._server = null;
      server._connections--;
      server._emitCloseIfDrained();
    }
  }

  /**
   * Ends the connection, or the attempt at one, and is its protocol no more.
   *
   * @param drop what the kernel has not taken; it is dropped anyway if there is some
   */
  #letGo(drop: boolean): Transport | null {
    const transport = this.#transport;
    const opening = this.#opening;
    const written = this.#writeCallback;
    this.#transport = null;
    this.#opening = null;
    this.#readWanted = false;
    this.#rest = [];
    this.#writeCallback = null;
    opening?.cancel();
    if (transport !== null) {
      // 'close' is to come.
      if (!this.#refd) setRef(transport, true);
      if (this.#resets && transport instanceof StreamTransport) reset(transport);
      else abandon(transport, drop || written !== null);
      this.#resets = false;
    }
    written?.();
    return transport;
  }

  // What `net.Socket` does by its handle.

  setTimeout(milliseconds: number, callback?: () => void): this {
    if (this.destroyed) return this;
    const timeout = timerDuration(milliseconds, 'msecs');
    if (callback !== undefined && typeof callback !== 'function')
      throw invalidType('callback', 'of type function', callback);
    this.timeout = milliseconds;
    this.#idle ??= new IdleTimer(
      this.#loop,
      AsyncResource.bind(() => this._onTimeout()),
    );
    this.#idle.set(timeout);
    if (callback !== undefined) {
      if (timeout === 0) this.removeListener('timeout', callback);
      else this.once('timeout', callback);
    }
    return this;
  }

  /** Silence for as long as `setTimeout` said. */
  _onTimeout(): void {
    this.emit('timeout');
  }

  /** Counts as activity. Node's modules call it. */
  _unrefTimer(): void {
    this.#idle?.touch();
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  ref(): this {
    return this.#setRef(true);
  }

  unref(): this {
    return this.#setRef(false);
  }

  override pause(): this {
    super.pause();
    // Otherwise, what comes is buffered until that is full.
    if (this.#onread !== null) this.#pauseTransport();
    return this;
  }

  override resume(): this {
    super.resume();
    if (this.#onread !== null) this._read();
    return this;
  }

  /** Ends the connection, when there is one, so that the peer reads `ECONNRESET`; where the driver can, and by TCP. */
  resetAndDestroy(): this {
    if (this.connecting) return this.once('connect', this.resetAndDestroy);
    if (this.#transport === null) return this.destroy(socketClosed());
    this.#resets = true;
    return this.destroy();
  }

  /** Ends this direction, and with the last byte sent the connection. */
  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', this.destroy);
  }

  get bytesRead(): number {
    return this.#bytesRead;
  }

  /** With what waits in the stream. */
  get bytesWritten(): number {
    // Of the prototype alone, too, which those who copy properties look at.
    if (!(#bytesWritten in this)) return undefined as unknown as number;
    const { writableBuffer } = this as unknown as { writableBuffer: readonly CollectedChunk[] };
    return bytesIn(writableBuffer) + this.#bytesWritten + this.#waitingBytes;
  }

  get pending(): boolean {
    return this.#transport === null;
  }

  get bufferSize(): number | undefined {
    return this.#transport === null && !this.connecting ? undefined : this.writableLength;
  }

  /** @deprecated `connecting` */
  get _connecting(): boolean {
    return this.connecting;
  }

  get readyState(): 'opening' | 'open' | 'readOnly' | 'writeOnly' | 'closed' {
    if (this.connecting) return 'opening';
    if (this.readable) return this.writable ? 'open' : 'readOnly';
    return this.writable ? 'writeOnly' : 'closed';
  }

  /** This end; empty for one that is none of the Internet's. */
  address(): NodeAddress {
    return this.#addresses?.local ?? {};
  }

  /** @internal The other end, as `address` gives this one. */
  remote(): NodeAddress {
    return this.#addresses?.remote ?? {};
  }

  get localAddress(): string | undefined {
    return this.#addresses?.local.address;
  }

  get localPort(): number | undefined {
    return this.#addresses?.local.port;
  }

  get localFamily(): string | undefined {
    return this.#addresses?.local.family;
  }

  get remoteAddress(): string | undefined {
    return this.#addresses?.remote.address;
  }

  get remotePort(): number | undefined {
    return this.#addresses?.remote.port;
  }

  get remoteFamily(): string | undefined {
    return this.#addresses?.remote.family;
  }

  #setRef(ref: boolean): this {
    this.#keepsAlive = ref;
    this.#updateRef();
    return this;
  }

  /** As a handle of libuv's does, it keeps the process alive only while it reads, or has something to send. */
  #updateRef(): void {
    const reads = !this.#readingPaused && !this.#peerEnded;
    const ref = this.#keepsAlive && (reads || this.#writingPaused);
    if (this.#refd === ref || this.#transport === null) return;
    this.#refd = ref;
    setRef(this.#transport, ref);
  }

  #pauseTransport(): void {
    this.#readingPaused = true;
    this.#transport?.pauseReading();
    this.#updateRef();
  }

  /** Without a connection: tries `again` when there is one, or has failed. */
  #writeLater(byteCount: number, callback: WriteCallback, again: () => void): void {
    if (!this.connecting) {
      callback(socketClosed());
      return;
    }
    this.#waitingBytes = byteCount;
    const connected = () => {
      this.off('close', closed);
      this.#waitingBytes = 0;
      again();
    };
    const closed = () => {
      this.off('connect', connected);
      this.#waitingBytes = 0;
      callback(
        coded(
          'ERR_SOCKET_CLOSED_BEFORE_CONNECTION',
          new Error('Socket closed before the connection was established'),
        ),
      );
    };
    this.once('connect', connected);
    this.once('close', closed);
  }

  /** Passes on what is left of a write, as far as the kernel takes it. */
  #sendRest(): void {
    const rest = this.#rest;
    while (!this.#writingPaused) {
      const next = rest.shift();
      if (next === undefined) break;
      this.#transport?.write(next);
    }
    if (this.#writingPaused) return;
    const callback = this.#writeCallback;
    this.#writeCallback = null;
    callback?.();
  }
}

/** The protocol of a socket that was connected in some async context. */
class Scoped implements Protocol {
  readonly #socket: StreamSocket;
  readonly #scope: AsyncResource;

  constructor(socket: StreamSocket, scope: AsyncResource) {
    this.#socket = socket;
    this.#scope = scope;
  }

  dataReceived(data: Uint8Array): void {
    const socket = this.#socket;
    this.#scope.runInAsyncScope(socket.dataReceived, socket, data);
  }

  eofReceived(): boolean {
    const socket = this.#socket;
    return this.#scope.runInAsyncScope(socket.eofReceived, socket);
  }

  pauseWriting(): void {
    this.#socket.pauseWriting();
  }

  resumeWriting(): void {
    const socket = this.#socket;
    this.#scope.runInAsyncScope(socket.resumeWriting, socket);
  }

  connectionLost(error: Error | null): void {
    const socket = this.#socket;
    this.#scope.runInAsyncScope(socket.connectionLost, socket, error);
  }
}

/** The protocol of a connection whose socket is destroyed. */
class Farewell implements Protocol {
  readonly #socket: StreamSocket;
  readonly #scope: AsyncResource | null;

  constructor(socket: StreamSocket, scope: AsyncResource | null) {
    this.#socket = socket;
    this.#scope = scope;
  }

  connectionLost(): void {
    // By a tick, to be behind 'error'.
    if (this.#scope === null) process.nextTick(emitClose, this.#socket);
    else this.#scope.runInAsyncScope(process.nextTick, process, emitClose, this.#socket);
  }
}

/** The protocol of a socket that was given a buffer of the program's to read into. */
class OwnBuffer implements BufferedProtocol {
  readonly #socket: StreamSocket;
  readonly #onread: OnReadOpts;
  #buffer: Uint8Array = nothing;

  constructor(socket: StreamSocket, onread: OnReadOpts) {
    this.#socket = socket;
    this.#onread = onread;
  }

  getBuffer(): Uint8Array {
    const { buffer } = this.#onread;
    this.#buffer = typeof buffer === 'function' ? buffer() : buffer;
    return this.#buffer;
  }

  bufferUpdated(byteCount: number): void {
    this.#socket.countRead(byteCount);
    if (this.#onread.callback.call(this.#socket, byteCount, this.#buffer) === false) this.#socket.pause();
  }

  eofReceived(): boolean {
    return this.#socket.eofReceived();
  }

  pauseWriting(): void {
    this.#socket.pauseWriting();
  }

  resumeWriting(): void {
    this.#socket.resumeWriting();
  }

  connectionLost(error: Error | null): void {
    this.#socket.connectionLost(error);
  }
}

const nothing = new Uint8Array(0);

/** Bytes are all that a connection carries. @throws {TypeError} as `net.Socket` does */
function refuseObjectMode(options: object): void {
  for (const name of ['objectMode', 'readableObjectMode', 'writableObjectMode']) {
    if (!(options as Record<string, unknown>)[name]) continue;
    const message = `The property 'options.${name}' is not supported. Received true`;
    throw coded('ERR_INVALID_ARG_VALUE', new TypeError(message));
  }
}

/** `write` of a socket whose peer has ended, so that it has, too. */
function writeEnded(this: StreamSocket, ...args: unknown[]): boolean {
  if (!this.writableEnded) return Duplex.prototype.write.apply(this, args as Parameters<Duplex['write']>);
  const error = coded('EPIPE', new Error('This socket has been ended by the other party'));
  const callback = args.at(-1);
  if (typeof callback === 'function') process.nextTick(callback as WriteCallback, error);
  this.destroy(error);
  return false;
}

/** 'end': the error of a write after it is to say that the peer ended the connection. */
function refuseWrites(this: StreamSocket): void {
  if (!this.allowHalfOpen) this.write = writeEnded as Duplex['write'];
}

function emitClose(socket: StreamSocket): void {
  socket.emit('close', socket._hadError);
}

/** @param drop what is not sent yet */
function abandon(transport: Transport, drop: boolean): void {
  transport.setProtocol({});
  if (drop) transport.abort();
  else transport.close();
}

function reset(transport: StreamTransport): void {
  transport.setProtocol({});
  transport.reset();
}

function setRef(transport: Transport, ref: boolean): void {
  if (transport instanceof StreamTransport) transport.setRef(ref);
}

function byteLength(chunk: Buffer | string, encoding: BufferEncoding): number {
  return typeof chunk === 'string' ? Buffer.byteLength(chunk, encoding) : chunk.length;
}

function bytesIn(chunks: readonly CollectedChunk[]): number {
  return chunks.reduce((bytes, { chunk, encoding }) => bytes + byteLength(chunk, encoding), 0);
}

/** The chunks as few: neighbours are put together, up to a size. */
function joined(chunks: readonly CollectedChunk[]): Buffer[] {
  const writes: Buffer[] = [];
  for (let next = 0; next < chunks.length; ) {
    const first = next;
    let bytes = 0;
    for (; next < chunks.length; next++) {
      const { chunk, encoding } = chunks[next] as CollectedChunk;
      const length = byteLength(chunk, encoding);
      if (bytes > 0 && bytes + length > joinedBytesMax) break;
      bytes += length;
    }
    writes.push(join(chunks, first, next, bytes));
  }
  return writes;
}

function join(chunks: readonly CollectedChunk[], from: number, to: number, byteCount: number): Buffer {
  const { chunk, encoding } = chunks[from] as CollectedChunk;
  if (to - from === 1) return typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk;
  const bytes = Buffer.allocUnsafe(byteCount);
  let at = 0;
  for (let i = from; i < to; i++) {
    const { chunk, encoding } = chunks[i] as CollectedChunk;
    if (typeof chunk === 'string') {
      at += bytes.write(chunk, at, encoding);
    } else {
      bytes.set(chunk, at);
      at += chunk.length;
    }
  }
  return bytes;
}
