import type { EventLoop, Protocol, Transport } from '../interface/index.ts';
import { getRunningLoop } from '../loop/index.ts';
import { type ClientHandler, serveClient } from './client-handler.ts';
import { FlowControl } from './flow-control.ts';
import type { StreamReader } from './stream-reader.ts';
import { StreamWriter } from './stream-writer.ts';

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
  readonly reader: StreamReader;
  /** for the writer of this connection */
  readonly flow: FlowControl;
  readonly #loop: EventLoop;
  readonly #onClient: ClientHandler | null;
  #transport: Transport | null = null;

  constructor(reader: StreamReader, options: StreamReaderProtocolOptions = {}) {
    this.reader = reader;
    this.#loop = options.loop ?? getRunningLoop();
    this.#onClient = options.onClient ?? null;
    this.flow = new FlowControl(this.#loop);
  }

  /** null until `connectionMade`. */
  get transport(): Transport | null {
    return this.#transport;
  }

  connectionMade(transport: Transport): void {
    this.#transport = transport;
    this.reader.setTransport(transport);
    if (this.#onClient === null) return;
    const writer = new StreamWriter(transport, this.flow, { reader: this.reader, loop: this.#loop });
    serveClient(this.#loop, this.#onClient, this.reader, writer);
  }

  dataReceived(data: Uint8Array): void {
    this.reader.feedData(data);
  }

  eofReceived(): boolean {
    this.reader.feedEof();
    return (this.#transport?.getExtraInfo('tlsContext') ?? null) === null;
  }

  pauseWriting(): void {
    this.flow.pause();
  }

  resumeWriting(): void {
    this.flow.resume();
  }

  connectionLost(error: Error | null): void {
    if (error === null) this.reader.feedEof();
    else this.reader.setException(error);
    this.flow.lose(error);
  }
}
