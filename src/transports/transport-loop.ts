import type { BaseTransport, ExceptionContext, Runnable } from '../interface/index.ts';

/** What a transport needs of the loop it belongs to. */
export interface TransportLoop {
  enqueue(runnable: Runnable): void;
  callExceptionHandler(context: ExceptionContext): void;
  getDebug(): boolean;
  /** who is told of the calls of protocols */
  readonly observer?: TransportObserver | null;
  /** turns begun so far */
  readonly turns: number;
}

/** Who looks at what transports do. */
export interface TransportObserver {
  /** A transport is about to call this method of its protocol. */
  protocolCalled(transport: object, protocol: object, method: string): void;
}

/** A transport of any kind, as its loop has it in hand. */
export interface OpenTransport extends BaseTransport {
  abort(): void;
}

/** Who wants to know when a transport begins and ends: its server, and the loop. */
export interface TransportKeeper<T extends OpenTransport = OpenTransport> {
  attach(transport: T): void;
  detach(transport: T): void;
}
