/** What the tasks of one loop agree with each other by: locks, events, queues, channels. Nothing here is for threads. */
export { Barrier } from './barrier.ts';
export { BoundedSemaphore } from './bounded-semaphore.ts';
export { BrokenBarrierError } from './broken-barrier-error.ts';
export { ChannelBroken, ChannelClosed, ChannelEnded, WouldBlock } from './channel-errors.ts';
export { Condition } from './condition.ts';
export { Event } from './event.ts';
export type { Held } from './held.ts';
export type { ItemStore } from './item-store.ts';
export { LifoQueue } from './lifo-queue.ts';
export { Lock } from './lock.ts';
export { type MemoryChannel, openMemoryChannel } from './memory-channel.ts';
export type { MemoryReceiver } from './memory-receiver.ts';
export type { MemorySender } from './memory-sender.ts';
export { PriorityQueue, type PriorityQueueOptions } from './priority-queue.ts';
export { Queue } from './queue.ts';
export { QueueEmpty, QueueFull, QueueShutDown } from './queue-errors.ts';
export { RateLimiter, type RateLimiterOptions } from './rate-limiter.ts';
export { Semaphore } from './semaphore.ts';
