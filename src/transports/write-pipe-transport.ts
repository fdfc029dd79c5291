import {
  type BaseProtocol,
  type Descriptor,
  type ExtraInfo,
  type StreamChannel,
  SystemError,
  type WriteTransport,
} from '../interface/index.ts';
import { StreamTransport } from './stream-transport.ts';
import type { TransportKeeper, TransportLoop } from './transport-loop.ts';

/**
 * The writing end of a pipe: a stream of which the channel reports only that its reader is gone. That is the end of it,
 * in good order if everything was written.
 */
export class WritePipeTransport extends StreamTransport implements WriteTransport {
  readonly #pipe: Descriptor;

  constructor(
    loop: TransportLoop,
    channel: StreamChannel,
    protocol: BaseProtocol,
    pipe: Descriptor,
    keepers: readonly TransportKeeper[],
  ) {
    super(loop, channel, protocol, keepers);
    this.#pipe = pipe;
  }

  override getExtraInfo<Name extends keyof ExtraInfo>(name: Name): ExtraInfo[Name] | null;
  override getExtraInfo<Name extends keyof ExtraInfo, D>(name: Name, fallback: D): ExtraInfo[Name] | D;
  override getExtraInfo(name: string, fallback: unknown = null): unknown {
    return name === 'pipe' ? this.#pipe : super.getExtraInfo(name as 'fd', fallback);
  }

  /** There is one direction only: its end is the pipe's. */
  override writeEof(): void {
    this.close();
  }

  override end(): void {
    if (this.getWriteBufferSize() === 0) this.close();
    else {
      const message = 'Cannot write to the pipe: its reader is gone (EPIPE)';
      this.failed(new SystemError(message, { code: 'EPIPE', syscall: 'write' }));
    }
  }

  override toString(): string {
    return super.toString().replace('Stream', 'WritePipe');
  }
}
