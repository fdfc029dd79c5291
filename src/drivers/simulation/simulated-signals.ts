import {
  type DriverHost,
  type Operation,
  type Signal,
  type SignalOperations,
  StateError,
} from '../../interface/index.ts';

type Action = 'end' | 'stop' | 'continue' | 'ignore';

/** What Linux does of a signal that the program does not handle: of these, and in the order of their numbers. @see signal(7) */
const defaultActions = new Map<Signal, Action>([
  ['SIGHUP', 'end'],
  ['SIGINT', 'end'],
  ['SIGQUIT', 'end'],
  ['SIGILL', 'end'],
  ['SIGTRAP', 'end'],
  ['SIGABRT', 'end'],
  ['SIGIOT', 'end'],
  ['SIGBUS', 'end'],
  ['SIGFPE', 'end'],
  ['SIGKILL', 'end'],
  ['SIGUSR1', 'end'],
  ['SIGSEGV', 'end'],
  ['SIGUSR2', 'end'],
  // As in every program on Node, which asks its system to ignore it.
  ['SIGPIPE', 'ignore'],
  ['SIGALRM', 'end'],
  ['SIGTERM', 'end'],
  ['SIGSTKFLT', 'end'],
  ['SIGCHLD', 'ignore'],
  ['SIGCONT', 'continue'],
  ['SIGSTOP', 'stop'],
  ['SIGTSTP', 'stop'],
  ['SIGTTIN', 'stop'],
  ['SIGTTOU', 'stop'],
  ['SIGURG', 'ignore'],
  ['SIGXCPU', 'end'],
  ['SIGXFSZ', 'end'],
  ['SIGVTALRM', 'end'],
  ['SIGPROF', 'end'],
  ['SIGWINCH', 'ignore'],
  ['SIGIO', 'end'],
  ['SIGPOLL', 'end'],
  ['SIGPWR', 'end'],
  ['SIGSYS', 'end'],
]);

const uncatchable: ReadonlySet<Signal> = new Set(['SIGKILL', 'SIGSTOP']);

/** What signals do to a program as a whole; asked of whoever runs it. It may happen in the middle of a turn. */
export interface SignalledProgram {
  /** It has ended, and does not go on after the callback that is running, if one is. */
  terminated(signal: Signal): void;
  /** It is to be turned no more until `continued`. */
  stopped(signal: Signal): void;
  continued(): void;
}

/** Signals of the one program on a machine. Those of the real process are none of theirs. */
export class SimulatedSignals implements SignalOperations {
  readonly #host: DriverHost;
  readonly #watches = new Set<Watch>();
  /** on their way to the callbacks */
  readonly #queued = new Set<Signal>();
  /** came while the program was stopped; they take effect when it goes on */
  readonly #pending = new Set<Signal>();
  #program: SignalledProgram | null = null;
  #stopped = false;
  #closed = false;

  constructor(host: DriverHost) {
    this.#host = host;
  }

  /** Whose doing the default actions are. Before, a signal that asks for one is refused. */
  attend(program: SignalledProgram): void {
    this.#program = program;
  }

  exists(signal: Signal): boolean {
    return defaultActions.has(signal);
  }

  watch(signal: Signal, callback: (signal: Signal) => void): Operation {
    if (uncatchable.has(signal))
      throw new StateError('ERR_SIGNAL', `Cannot handle ${signal}: it cannot be caught`);
    const watch = { signal, callback };
    this.#watches.add(watch);
    return { cancel: () => void this.#watches.delete(watch) };
  }

  watchedElsewhere(_signal: Signal): boolean {
    return false;
  }

  raise(signal: Signal): void {
    this.deliver(signal);
  }

  /**
   * Sends it to the program: those who watch it are called by the loop; where nobody does, the default action is taken at
   * once. One that is on its way already is not on its way twice.
   *
   * @throws {RangeError} there is no such signal
   * @throws {StateError} nobody runs the program who could do to it what the signal asks for
   */
  deliver(signal: Signal): void {
    const action = defaultActions.get(signal);
    if (action === undefined) throw new RangeError(`Cannot send ${String(signal)}: there is no such signal`);
    if (signal === 'SIGKILL') this.#take(signal, action);
    else if (action === 'continue') this.#continue(signal);
    else if (!this.#stopped) this.#take(signal, action);
    // What would stop it again is gone by the time it goes on.
    else if (action !== 'stop') this.#pending.add(signal);
  }

  /** Nothing has any effect on it from now on. */
  close(): void {
    this.#closed = true;
    this.#watches.clear();
  }

  #continue(signal: Signal): void {
    if (this.#stopped) {
      this.#stopped = false;
      this.#program?.continued();
      for (const [held, action] of defaultActions) if (this.#pending.delete(held)) this.#take(held, action);
    }
    this.#take(signal, 'continue');
  }

  #take(signal: Signal, action: Action): void {
    if (this.#closed) return;
    if (this.#isWatched(signal)) {
      this.#enqueue(signal);
    } else if (action === 'end') {
      this.#runner(signal).terminated(signal);
    } else if (action === 'stop') {
      const runner = this.#runner(signal);
      this.#stopped = true;
      runner.stopped(signal);
    }
  }

  #enqueue(signal: Signal): void {
    if (this.#queued.has(signal)) return;
    this.#queued.add(signal);
    const delivery = {
      run: () => {
        this.#queued.delete(signal);
        for (const watch of [...this.#watches]) {
          // An earlier one may have cancelled it.
          if (watch.signal === signal && this.#watches.has(watch)) watch.callback(signal);
        }
      },
      toString: () => `<I/O: ${signal}>`,
    };
    this.#host.enqueue(delivery);
  }

  #isWatched(signal: Signal): boolean {
    for (const watch of this.#watches) if (watch.signal === signal) return true;
    return false;
  }

  #runner(signal: Signal): SignalledProgram {
    if (this.#program === null) {
      throw new StateError(
        'ERR_SIGNAL',
        `Cannot send ${signal}: the program does not handle it, and runs on nothing that could end or stop it`,
      );
    }
    return this.#program;
  }
}

interface Watch {
  readonly signal: Signal;
  readonly callback: (signal: Signal) => void;
}
