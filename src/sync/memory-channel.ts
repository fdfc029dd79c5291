import { ChannelState } from './channel-state.ts';
import { MemoryReceiver } from './memory-receiver.ts';
import { MemorySender } from './memory-sender.ts';

/** The two ends of a channel inside the program. */
export interface MemoryChannel<T> {
  readonly sender: MemorySender<T>;
  readonly receiver: MemoryReceiver<T>;
}

/**
 * A channel for values between the tasks of a loop. Each end can be cloned, so that any number of tasks hold one of
 * their own; closing the last clone of one end is what the other end sees, as its end or as an error.
 *
 * Senders and receivers are served strictly first come, first served. Cancelling loses nothing: a `receive` that ends by
 * cancellation has taken no value, a `send` has sent none.
 *
 * @param capacity values that may wait for a receiver, Infinity included; 0: a `send` waits until it has been received
 * @throws {RangeError} `capacity` is less than 0, or not a whole number
 * @see Trio's open_memory_channel
 */
export function openMemoryChannel<T>(capacity: number): MemoryChannel<T> {
  if (typeof capacity !== 'number')
    throw new TypeError('Cannot open a channel: the capacity is not a number');
  if (!(capacity >= 0 && (Number.isInteger(capacity) || capacity === Infinity))) {
    throw new RangeError(`Cannot open a channel of capacity ${capacity}: not a whole number from 0 on`);
  }
  const state = new ChannelState<T>(capacity);
  return { sender: new MemorySender(state), receiver: new MemoryReceiver(state) };
}
