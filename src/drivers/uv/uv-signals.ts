import { constants } from 'node:os';
import { isMainThread } from 'node:worker_threads';
import { type Operation, type Signal, type SignalOperations, StateError } from '../../interface/index.ts';
import type { PrivateUvLoop } from './private-uv-loop.ts';

/** Who watches what, of all loops. */
const watches = new Set<Watch>();

/**
 * While Node's loop turns, as it does for a guest, its listeners are called before our watches, and one that was there
 * for once is not there any more then: signals that Node has told somebody of, and we nobody yet.
 */
const toldByNode = new Set<Signal>();
/** signal → who notes that, first of all Node's listeners */
const notes = new Map<Signal, () => void>();

function noteNode(signal: Signal): void {
  if (notes.has(signal)) return;
  const note = () => {
    if (process.listenerCount(signal) > 1) toldByNode.add(signal);
  };
  process.prependListener(signal as NodeJS.Signals, note);
  notes.set(signal, note);
}

function noteNodeNoMore(signal: Signal): void {
  const note = notes.get(signal);
  if (note === undefined || [...watches].some((watch) => watch.signal === signal)) return;
  process.off(signal, note);
  notes.delete(signal);
  toldByNode.delete(signal);
}

/**
 * Signals by libuv's handler, which also tells Node: listeners of both are called.
 *
 * signalfd(2) is no way: Node's helper threads leave signals unblocked, so that the kernel delivers them there and the
 * default action ends the process.
 */
export class UvSignals implements SignalOperations {
  readonly #loop: PrivateUvLoop;

  constructor(loop: PrivateUvLoop) {
    this.#loop = loop;
  }

  exists(signal: Signal): boolean {
    return Object.hasOwn(constants.signals, signal);
  }

  watch(signal: Signal, callback: (signal: Signal) => void): Operation {
    if (!isMainThread) {
      throw new StateError(
        'ERR_NOT_MAIN_THREAD',
        `Cannot handle ${signal}: only the main thread gets signals`,
      );
    }
    const number = constants.signals[signal as NodeJS.Signals];
    const status = this.#loop.startSignal(number, () => {
      for (const watch of this.#of(signal)) {
        // An earlier one may have cancelled it.
        if (watches.has(watch)) watch.callback(signal);
      }
      toldByNode.delete(signal);
    });
    if (status !== 0) {
      throw new StateError('ERR_SIGNAL', `Cannot handle ${signal}: it cannot be caught`);
    }
    const watch: Watch = { owner: this, signal, callback };
    watches.add(watch);
    noteNode(signal);
    return {
      cancel: () => {
        if (!watches.delete(watch)) return;
        if (this.#of(signal).length === 0) this.#loop.stopSignal(number);
        noteNodeNoMore(signal);
      },
    };
  }

  watchedElsewhere(signal: Signal): boolean {
    return (
      toldByNode.has(signal) ||
      process.listenerCount(signal) > (notes.has(signal) ? 1 : 0) ||
      [...watches].some((watch) => watch.signal === signal && watch.owner !== this)
    );
  }

  raise(signal: Signal): void {
    process.kill(process.pid, signal as NodeJS.Signals);
  }

  close(): void {
    for (const watch of watches) {
      if (watch.owner !== this) continue;
      watches.delete(watch);
      this.#loop.stopSignal(constants.signals[watch.signal as NodeJS.Signals]);
      noteNodeNoMore(watch.signal);
    }
  }

  #of(signal: Signal): Watch[] {
    return [...watches].filter((watch) => watch.owner === this && watch.signal === signal);
  }
}

interface Watch {
  readonly owner: UvSignals;
  readonly signal: Signal;
  readonly callback: (signal: Signal) => void;
}
