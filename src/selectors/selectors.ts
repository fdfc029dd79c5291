import { isDarwin } from '../syscalls/index.ts';
import { EpollPoller } from './epoll-poller.ts';
import { KqueuePoller } from './kqueue-poller.ts';
import { PollPoller } from './poll-poller.ts';
import { SelectPoller } from './select-poller.ts';
import { Selector } from './selector.ts';

/** By select(2): descriptors below 1024, everywhere. */
export class SelectSelector<Data = unknown> extends Selector<Data> {
  /** @throws {NotSupportedError} no foreign-function interface */
  constructor() {
    super(new SelectPoller());
  }
}

/** By poll(2): any descriptor, also those of regular files, which are always ready. */
export class PollSelector<Data = unknown> extends Selector<Data> {
  /** @throws {NotSupportedError} no foreign-function interface */
  constructor() {
    super(new PollPoller());
  }
}

/** By epoll(7), of Linux: a wait costs what is ready, and not what is registered. */
export class EpollSelector<Data = unknown> extends Selector<Data> {
  /** @throws {NotSupportedError | SystemError} no Linux, no foreign-function interface; EMFILE, ENFILE, ENOMEM */
  constructor() {
    super(new EpollPoller());
  }
}

/** By kqueue(2), of macOS. */
export class KqueueSelector<Data = unknown> extends Selector<Data> {
  /** @throws {NotSupportedError | SystemError} no macOS, no foreign-function interface; EMFILE, ENFILE, ENOMEM */
  constructor() {
    super(new KqueuePoller());
  }
}

/** The best of this platform: KqueueSelector on macOS, else EpollSelector. */
export class DefaultSelector<Data = unknown> extends Selector<Data> {
  /** @throws {NotSupportedError | SystemError} no foreign-function interface; EMFILE, ENFILE, ENOMEM */
  constructor() {
    super(isDarwin ? new KqueuePoller() : new EpollPoller());
  }
}
