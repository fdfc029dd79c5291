import { type EventLoop, type Protocol, StateError, type Transport } from '../interface/index.ts';
import { getRunningLoop, hasOwnWorld } from '../loop/index.ts';
import { type ClientHandler, serveClient } from './client-handler.ts';
import { FlowControl } from './flow-control.ts';
import type { StreamReader } from './stream-reader.ts';
import { StreamWriter } from './stream-writer.ts';
import { closeWhenDropped } from './unclosed-writer.ts';

export interface StreamReaderProtocolOptions {
  /** a server's: called with both halves of the connection when it is made */
  onClient?: ClientHandler | undefined;
  /** the running loop unless given */
  loop?: EventLoop | undefined;
}

/**
 * Between a transport, which calls back, and a reader and a writer, which are waited for.
 *
 * The peer's end of stream is the reader's and leaves our direction open (but for TLS, which has no half-open state):
 * who writes decides when to close.
 *
 * @see asyncio.StreamReaderProtocol
 */
export class StreamReaderProtocol implements Protocol {
  /** for the writer of this connection */
  readonly flow: FlowControl;
  readonly #loop: EventLoop;
  readonly #onClient: ClientHandler | null;
  #reader: StreamReader | null;
  #readerLetGo: WeakRef<StreamReader> | null = null;
  #transport: Transport | null = null;

  constructor(reader: StreamReader, options: StreamReaderProtocolOptions = {}) {
    this.#reader = reader;
    this.#loop = options.loop ?? getRunningLoop();
    this.#onClient = options.onClient ?? null;
    this.flow = new FlowControl(this.#loop);
  }

  /** @throws {StateError} it was let go, and nobody holds it any more */
  get reader(): StreamReader {
    const reader = this.#liveReader();
    if (reader === undefined) {
      throw new StateError('ERR_READER_DROPPED', 'Cannot get the reader: whoever had it has dropped it');
    }
    return reader;
  }

  /** null until `connectionMade`. */
  get transport(): Transport | null {
    return this.#transport;
  }

  connectionMade(transport: Transport): void {
    this.#transport = transport;
    const { reader } = this;
    reader.setTransport(transport);
    if (this.#onClient === null) return;
    const writer = this.createWriter(transport);
    serveClient(this.#loop, this.#onClient, reader, writer);
  }

  /**
   * @internal Makes the writer of this connection for whoever has the reader, and lets the reader go: from now on the
   * connection lives no longer than its two halves are in somebody's hands.
   */
  createWriter(transport: Transport): StreamWriter {
    const { reader } = this;
    const writer = new StreamWriter(transport, this.flow, { reader, loop: this.#loop });
    closeWhenDropped(writer, reader, this.#loop);
    if (hasOwnWorld(this.#loop)) return writer;
    this.#readerLetGo = new WeakRef(reader);
    this.#reader = null;
    return writer;
  }

  dataReceived(data: Uint8Array): void {
    const reader = this.#liveReader();
    if (reader !== undefined) reader.feedData(data);
    else this.#transport?.pauseReading(); // nobody can ever read it
  }

  eofReceived(): boolean {
    this.#liveReader()?.feedEof();
    const keepOpen = this.flow.endReading();
    return keepOpen && (this.#transport?.getExtraInfo('tlsContext') ?? null) === null;
  }

  pauseWriting(): void {
    this.flow.pause();
  }

  resumeWriting(): void {
    this.flow.resume();
  }

  connectionLost(error: Error | null): void {
    const reader = this.#liveReader();
    if (error === null) reader?.feedEof();
    else reader?.setException(error);
    this.flow.lose(error);
  }

  #liveReader(): StreamReader | undefined {
    return this.#reader ?? this.#readerLetGo?.deref();
  }
}
