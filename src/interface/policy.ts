import type { EventLoop } from './event-loop.ts';

/** Which loop is the current one where none runs, and how a new one is made. @see PEP 3156, "Event Loop Policy" */
export interface EventLoopPolicy {
  /** @throws {StateError} none was set: a loop is never made behind the caller's back */
  getEventLoop(): EventLoop;
  setEventLoop(loop: EventLoop | null): void;
  /** Makes a loop; does not make it the current one. */
  newEventLoop(): EventLoop;
}
