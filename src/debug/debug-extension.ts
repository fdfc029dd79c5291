import { isMainThread } from 'node:worker_threads';
import type { Operation } from '../interface/index.ts';
import { isAbandoned, warn } from '../loop/index.ts';
import { type EventLoop, environment, type LoopExtension } from '../runtime/index.ts';
import { DebugMode } from './debug-mode.ts';
import { debugSignal } from './debug-signal.ts';
import { openDebugSocket } from './debug-socket.ts';
import { atLoopEnd, loopEnded } from './loop-end.ts';
import { type PastLoopMeter, watchPastLoop } from './past-loop.ts';

/** What debugging does around the runs of every loop: almost nothing, until debug mode or somebody asks for more. */
export const debugExtension: LoopExtension = {
  running: (loop) => debuggingOf(loop).running(),
  stopped: (loop) => debuggingOf(loop).stopped(),
  windsDown: (loop) => debuggingOf(loop).windsDown(),
  closed: loopEnded,
};

const debuggings = new WeakMap<EventLoop, LoopDebugging>();

function debuggingOf(loop: EventLoop): LoopDebugging {
  let debugging = debuggings.get(loop);
  if (debugging === undefined) {
    const made = new LoopDebugging(loop);
    atLoopEnd(loop, 'look at the loop', () => made.closed());
    debuggings.set(loop, made);
    debugging = made;
  }
  return debugging;
}

class LoopDebugging {
  readonly #loop: EventLoop;
  #mode: DebugMode | null = null;
  #watch: Operation | null = null;
  #meter: PastLoopMeter | null = null;
  #asked = false;

  constructor(loop: EventLoop) {
    this.#loop = loop;
  }

  running(): void {
    if (this.#loop.getDebug()) {
      this.#mode ??= new DebugMode(this.#loop);
      this.#mode.start();
    } else {
      this.#mode?.stop();
    }
    // Nobody outside of a simulation could connect to it, and nothing gets past its loops unseen.
    if (this.#loop.hasOwnWorld) return;
    if ((environment('TULIPA_DEBUG_PAST_LOOP') ?? '0') !== '0') this.#meter ??= watchPastLoop();
    const wanted = this.#loop.debugSocket ?? environmentsWish();
    if (wanted === true) this.#openSocket();
    // Kept until the loop is closed: for the process, the signal means nothing besides.
    else if (wanted === undefined && isMainThread) {
      this.#watch ??= this.#loop.watchUnhandled(debugSignal, () => this.#openSocket());
    }
  }

  stopped(): void {
    this.#mode?.stop();
  }

  windsDown(): void {
    if (this.#loop.getDebug()) this.#mode?.windsDown();
  }

  closed(): void {
    this.#watch?.cancel();
    this.#mode?.stop();
    this.#reportPastLoop();
    if (isAbandoned(this.#loop)) this.#mode?.forget();
  }

  #reportPastLoop(): void {
    if (this.#meter === null) return;
    this.#meter.stop();
    const report = this.#meter.report();
    const text = environment('TULIPA_DEBUG_PAST_LOOP') === 'stacks' ? report.withStacks() : `${report}`;
    process.stderr.write(`${text.trimEnd()}\n`);
  }

  #openSocket(): void {
    if (this.#asked) return;
    this.#asked = true;
    const failed = (error: unknown) => {
      // A loop that has ended before anybody could be answered is no trouble.
      if (this.#loop.isClosed()) return;
      warn('DebugSocketWarning', error instanceof Error ? error.message : String(error));
    };
    try {
      openDebugSocket(this.#loop, {}, { succeeded: () => {}, failed });
    } catch (error) {
      failed(error);
    }
  }
}

function environmentsWish(): boolean | undefined {
  const wish = process.env['TULIPA_DEBUG_SOCKET'];
  return wish === undefined || wish === '' ? undefined : wish !== '0';
}
