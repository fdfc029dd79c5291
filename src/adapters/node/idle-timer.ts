import type { Socket } from 'node:net';
import type { EventLoop, TimerHandle } from '../../interface/index.ts';
import { roughTime, runningLoop } from '../../loop/index.ts';
import { coded, invalidType } from './node-failure.ts';

/** The longest that Node's timers take. */
const timeoutMax = 2 ** 31 - 1;

/**
 * Milliseconds for which we wait again before we ring. Clients set a timer of Node's for the same time beside ours
 * (follow-redirects, and so axios): over Node's sockets that one is first, and says what has happened. It is on another clock,
 * in whole milliseconds, and runs behind our turns; so there has to be one turn more.
 */
const grace = 2;

/**
 * Calls back when nothing was done for some time, by the loop's clock. Activity costs no timer: one that has come too early
 * is set again for what is left.
 */
export class IdleTimer {
  readonly #onIdle: () => void;
  #loop: EventLoop | null;
  #timeout = 0;
  #activeAt = 0;
  #timer: TimerHandle | null = null;
  /** The time has passed, and the grace is passing. */
  #waited = false;

  /** @param loop null: the one that runs when it is first needed */
  constructor(loop: EventLoop | null, onIdle: () => void) {
    this.#loop = loop;
    this.#onIdle = onIdle;
  }

  /** Begins to count on this loop, if it has not begun on another that lives. */
  start(loop: EventLoop): void {
    if (this.#loop === null || this.#loop.isClosed()) this.#loop = loop;
    if (this.#timeout > 0 && this.#timer === null) this.set(this.#timeout);
  }

  /** @param timeout milliseconds; 0: never */
  set(timeout: number): void {
    this.#timeout = timeout;
    this.#loop ??= runningLoop();
    if (timeout === 0 || this.#loop === null) return;
    this.#activeAt = this.#loop.time();
    const due = this.#activeAt + timeout;
    if (this.#timer !== null && this.#timer.when() <= due) return;
    this.#timer?.cancel();
    this.#arm(this.#loop, due);
  }

  touch(): void {
    // Some of a turn does not matter here, as it would to who has just set the timeout.
    if (this.#timeout > 0 && this.#loop !== null) {
      this.#activeAt = Math.max(this.#activeAt, roughTime(this.#loop));
    }
  }

  clear(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#timeout = 0;
  }

  #arm(loop: EventLoop, due: number): void {
    this.#timer = loop.callAt(due, () => this.#rang(loop)).unref();
  }

  #rang(loop: EventLoop): void {
    this.#timer = null;
    const due = this.#activeAt + this.#timeout;
    const now = loop.time();
    const idle = due <= now;
    const rings = idle && this.#waited;
    this.#waited = idle && !rings;
    if (this.#timeout === 0) return;
    if (rings) this.#onIdle();
    else this.#arm(loop, idle ? now + grace : due);
  }
}

/** Puts what `setTimeout` of a socket of Node's own class sets on the loop's clock. @param loop null: the one that runs then */
export function useLoopForTimeouts(socket: Socket, loop: EventLoop | null): void {
  // What Node has begun to count ends here.
  socket.setTimeout(0);
  const idle = new IdleTimer(loop, () => void socket.emit('timeout'));
  socket.once('close', () => idle.clear());
  Object.defineProperties(socket, {
    setTimeout: {
      value: (milliseconds: number, callback?: () => void): Socket => {
        if (socket.destroyed) return socket;
        const timeout = timerDuration(milliseconds, 'msecs');
        Object.assign(socket, { timeout: milliseconds });
        idle.set(timeout);
        if (callback !== undefined) {
          if (timeout === 0) socket.removeListener('timeout', callback);
          else socket.once('timeout', callback);
        }
        return socket;
      },
      writable: true,
      configurable: true,
    },
    // Node calls it whenever something was read or written.
    _unrefTimer: { value: () => idle.touch(), writable: true, configurable: true },
  });
}

/** Milliseconds as Node's timers take them. @throws {TypeError | RangeError} as these do */
export function timerDuration(milliseconds: unknown, name: string): number {
  if (typeof milliseconds !== 'number') throw invalidType(name, 'of type number', milliseconds);
  if (!(milliseconds >= 0 && milliseconds < Infinity)) {
    const message = `The value of "${name}" is out of range. It must be a non-negative finite number. Received ${milliseconds}`;
    throw coded('ERR_OUT_OF_RANGE', new RangeError(message));
  }
  return Math.min(milliseconds, timeoutMax);
}
