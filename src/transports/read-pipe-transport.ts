import {
  type Descriptor,
  type ExtraInfo,
  type ReadTransport,
  StateError,
  type StreamChannel,
  type StreamProtocol,
} from '../interface/index.ts';
import { StreamTransport } from './stream-transport.ts';
import type { TransportKeeper, TransportLoop } from './transport-loop.ts';

/**
 * The reading end of a pipe: a stream without the other direction, so that the end of what is read ends it, whatever
 * `eofReceived` answers.
 */
export class ReadPipeTransport extends StreamTransport implements ReadTransport {
  readonly #pipe: Descriptor;

  constructor(
    loop: TransportLoop,
    channel: StreamChannel,
    protocol: StreamProtocol,
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

  override write(): void {
    throw new StateError('ERR_READ_ONLY', 'Cannot write: this is the reading end of a pipe');
  }

  override writeEof(): void {
    this.write();
  }

  override canWriteEof(): boolean {
    return false;
  }

  override end(): void {
    super.end();
    this.close();
  }

  override toString(): string {
    return super.toString().replace('Stream', 'ReadPipe');
  }
}
