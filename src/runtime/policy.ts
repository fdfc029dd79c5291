import type { EventLoop, EventLoopPolicy } from '../interface/index.ts';
import { installPolicy, policyInstalled, threadLoop } from '../loop/index.ts';
import { newEventLoop } from './new-event-loop.ts';

/** One current loop a thread, set by hand; new ones are this library's. @see PEP 3156, "Event Loop Policy" */
export class DefaultEventLoopPolicy implements EventLoopPolicy {
  getEventLoop(): EventLoop {
    return threadLoop.getEventLoop();
  }

  setEventLoop(loop: EventLoop | null): void {
    threadLoop.setEventLoop(loop);
  }

  newEventLoop(): EventLoop {
    return newEventLoop();
  }
}

const defaultPolicy = new DefaultEventLoopPolicy();

export function getEventLoopPolicy(): EventLoopPolicy {
  return policyInstalled() ?? defaultPolicy;
}

/**
 * Puts other loops under the standard functions.
 *
 * @param policy null: the default one
 * @throws {TypeError} neither a policy nor null
 */
export function setEventLoopPolicy(policy: EventLoopPolicy | null): void {
  if (policy !== null && (typeof policy !== 'object' || typeof policy.newEventLoop !== 'function')) {
    throw new TypeError('Cannot set the event loop policy: it is neither a policy nor null');
  }
  installPolicy(policy);
}
