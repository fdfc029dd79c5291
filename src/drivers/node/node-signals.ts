import { constants } from 'node:os';
import { isMainThread } from 'node:worker_threads';
import {
  type DriverHost,
  type Operation,
  type Signal,
  type SignalOperations,
  StateError,
} from '../../interface/index.ts';

export class NodeSignals implements SignalOperations {
  readonly #host: DriverHost;
  readonly #watches = new Map<Operation, Signal>();

  constructor(host: DriverHost) {
    this.#host = host;
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
    const name = signal as NodeJS.Signals;
    const listener = () => this.#host.dispatch(callback, signal);
    try {
      process.on(name, listener);
    } catch (cause) {
      throw new StateError('ERR_SIGNAL', `Cannot handle ${signal}: it cannot be caught`, { cause });
    }
    const watch = {
      cancel: () => {
        process.off(name, listener);
        this.#watches.delete(watch);
      },
    };
    this.#watches.set(watch, signal);
    return watch;
  }

  watchedElsewhere(signal: Signal): boolean {
    const ours = [...this.#watches.values()].filter((watched) => watched === signal).length;
    return process.listenerCount(signal) > ours;
  }

  raise(signal: Signal): void {
    process.kill(process.pid, signal as NodeJS.Signals);
  }

  close(): void {
    for (const watch of [...this.#watches.keys()]) watch.cancel();
  }
}
