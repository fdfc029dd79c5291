import { isMainThread } from 'node:worker_threads';
import type { Operation } from '../interface/index.ts';
import { warn } from '../loop/index.ts';
import type { EventLoop, LoopExtension } from '../runtime/index.ts';
import { DebugMode } from './debug-mode.ts';
import { debugSignal } from './debug-signal.ts';
import type { DebugSocket } from './debug-socket.ts';

/** What debugging does around the runs of every loop: almost nothing, until debug mode or somebody asks for more. */
export const debugExtension: LoopExtension = {
  running: (loop) => debuggingOf(loop).running(),
  stopped: (loop) => debuggingOf(loop).stopped(),
  windsDown: (loop) => debuggingOf(loop).windsDown(),
  closed(loop) {
    debuggings.get(loop)?.closed();
    debuggings.delete(loop);
  },
};

const debuggings = new WeakMap<EventLoop, LoopDebugging>();

function debuggingOf(loop: EventLoop): LoopDebugging {
  let debugging = debuggings.get(loop);
  if (debugging === undefined) {
    debugging = new LoopDebugging(loop);
    debuggings.set(loop, debugging);
  }
  return debugging;
}

class LoopDebugging {
  readonly #loop: EventLoop;
  #mode: DebugMode | null = null;
  #watch: Operation | null = null;
  #socket: Promise<DebugSocket | null> | null = null;

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
    void this.#socket?.then((socket) => socket?.close());
  }

  #openSocket(): void {
    this.#socket ??= open(this.#loop);
  }
}

function environmentsWish(): boolean | undefined {
  const wish = process.env['TULIPA_DEBUG_SOCKET'];
  return wish === undefined || wish === '' ? undefined : wish !== '0';
}

/** Loaded only now: few processes are ever asked. */
async function open(loop: EventLoop): Promise<DebugSocket | null> {
  try {
    const { serveDebug } = await import('./debug-socket.ts');
    return await serveDebug(loop);
  } catch (error) {
    warn('DebugSocketWarning', error instanceof Error ? error.message : String(error));
    return null;
  }
}
