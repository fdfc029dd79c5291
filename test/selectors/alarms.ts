import { ffi } from '../../src/syscalls/index.ts';

const ITIMER_REAL = 0;

/** SIGALRM for this process, again and again, until disposed: what interrupts a system call that blocks this thread. */
export class Alarms implements Disposable {
  readonly #onAlarm = () => {
    this.heard++;
  };
  /** how often a handler ran, which is never while this thread is blocked */
  heard = 0;

  constructor(everyMilliseconds: number) {
    process.on('SIGALRM', this.#onAlarm);
    setTimer(everyMilliseconds * 1_000);
  }

  [Symbol.dispose](): void {
    setTimer(0);
    process.removeListener('SIGALRM', this.#onAlarm);
  }
}

const { setitimer } = ffi().open({ setitimer: ['i32', 'i32', 'memory', 'address'] });

/** @see setitimer(2): struct itimerval, interval and first, seconds and microseconds each */
function setTimer(microseconds: number): void {
  const times = new BigInt64Array([0n, BigInt(microseconds), 0n, BigInt(microseconds)]);
  if (setitimer?.(ITIMER_REAL, times, 0) !== 0) throw new Error('Cannot set the timer');
}
