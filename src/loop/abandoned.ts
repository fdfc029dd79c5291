import type { EventLoop } from '../interface/index.ts';

const abandoned = new WeakSet<EventLoop>();

/** Says that the loop has gone as if by loss of power: nothing of it goes on, and nobody is to hear of what it has left. */
export function markAbandoned(loop: EventLoop): void {
  abandoned.add(loop);
}

export function isAbandoned(loop: EventLoop): boolean {
  return abandoned.has(loop);
}
