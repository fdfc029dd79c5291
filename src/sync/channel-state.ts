import { ChannelBroken, ChannelClosed, ChannelEnded } from './channel-errors.ts';
import { Exchange } from './exchange.ts';
import { ListStore } from './item-store.ts';
import { LoopBound } from './loop-bound.ts';

/** What all ends of one channel share. */
export class ChannelState<T> extends LoopBound {
  readonly exchange: Exchange<T>;
  /** ends that are open */
  senders = 0;
  receivers = 0;

  constructor(capacity: number) {
    super();
    this.exchange = new Exchange(new ListStore<T>('oldest first'), capacity, () => {});
  }

  senderClosed(sender: object): void {
    this.exchange.refusePutters(() => new ChannelClosed('send'), sender);
    if (--this.senders === 0) this.exchange.refuseGetters(() => new ChannelEnded());
  }

  receiverClosed(receiver: object): void {
    this.exchange.refuseGetters(() => new ChannelClosed('receive'), receiver);
    if (--this.receivers > 0) return;
    this.exchange.refusePutters(() => new ChannelBroken());
    this.exchange.drop();
  }

  describe(): string {
    const { size, capacity } = this.exchange;
    return `buffered=${size}/${capacity} senders=${this.senders} receivers=${this.receivers}`;
  }

  override toString(): string {
    return `<MemoryChannel ${this.describe()}>`;
  }
}
