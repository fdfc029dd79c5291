import type {
  BaseProtocol,
  BaseTransport,
  DatagramProtocol,
  DatagramTransport,
  Protocol,
  Server,
  SocketAddress,
  Transport,
} from '../../interface/index.ts';

/** What protocols need of the port. */
export interface Port {
  tell(receiver: number, event: string, ...args: unknown[]): unknown;
  newNumber(): number;
  opened(transport: Abortable): void;
  closed(transport: Abortable): void;
  serves(server: Server): void;
}

type Abortable = BaseTransport & { abort(): void };

/** Tells Python what happens to one endpoint. */
class PythonProtocol<T extends Abortable> implements BaseProtocol<T> {
  readonly #port: Port;
  readonly #opener: number;
  readonly #number: number;
  #transport: T | null = null;

  /** @param opener the receiver in Python that makes the protocol there */
  constructor(port: Port, opener: number) {
    this.#port = port;
    this.#opener = opener;
    this.#number = port.newNumber();
  }

  protected tell(event: string, ...args: unknown[]): unknown {
    return this.#port.tell(this.#number, event, ...args);
  }

  connectionMade(transport: T): void {
    this.#transport = transport;
    this.#port.opened(transport);
    // Who opened it may be gone, as a server that was closed in this very turn, or want no such connection.
    if (this.#port.tell(this.#opener, 'connected', this.#number, transport) !== true) transport.abort();
  }

  pauseWriting(): void {
    this.tell('pause_writing');
  }

  resumeWriting(): void {
    this.tell('resume_writing');
  }

  connectionLost(error: Error | null): void {
    if (this.#transport !== null) this.#port.closed(this.#transport);
    this.tell('connection_lost', error ?? undefined);
  }
}

export class PythonStream extends PythonProtocol<Transport> implements Protocol {
  dataReceived(data: Uint8Array): void {
    this.tell('data_received', data);
  }

  eofReceived(): boolean {
    return this.tell('eof_received') === true;
  }
}

export class PythonDatagrams extends PythonProtocol<DatagramTransport> implements DatagramProtocol {
  datagramReceived(data: Uint8Array, address: SocketAddress): void {
    this.tell('datagram_received', data, address);
  }

  errorReceived(error: Error): void {
    this.tell('error_received', error);
  }
}
