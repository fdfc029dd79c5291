/**
 * Which descriptors are ready: selectors, as Python's module of that name has them, and the pollers under them, on which
 * drivers stand.
 */
export { EpollPoller } from './epoll-poller.ts';
export type { FileObject, HasDescriptor } from './file-object.ts';
export { type KqueueCalls, KqueuePoller } from './kqueue-poller.ts';
export { PollPoller } from './poll-poller.ts';
export { type Poller, READABLE, WRITABLE } from './poller.ts';
export { SelectPoller } from './select-poller.ts';
export { EVENT_READ, EVENT_WRITE, Selector, type SelectorKey } from './selector.ts';
export { SelectorKeyError } from './selector-key-error.ts';
export { DefaultSelector, EpollSelector, KqueueSelector, PollSelector, SelectSelector } from './selectors.ts';
