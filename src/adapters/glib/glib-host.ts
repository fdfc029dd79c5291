import { type Host, nodeHost, unownedScope } from '../../loop/index.ts';
import { GlibSource } from './glib-source.ts';

/** GLib's main loop as what a loop is a guest of, by one source. */
export class GlibHost implements Host {
  readonly prefersBlocking = false;
  readonly drainMicrotasks = nodeHost.drainMicrotasks;
  readonly #priority: number;
  #source: GlibSource | null = null;
  /** where the loop was begun: what GLib calls back from C has no async context of its own */
  #scope = unownedScope();
  #immediate: (() => void) | null = null;
  #alarm: { readonly callback: () => void; readonly due: number } | null = null;
  #onReadable: (() => void) | null = null;

  constructor(priority: number) {
    this.#priority = priority;
  }

  drainsHere(): boolean {
    return nodeHost.drainsHere();
  }

  setImmediate(callback: () => void): unknown {
    this.#immediate = callback;
    this.#arm();
    return callback;
  }

  clearImmediate(immediate: unknown): void {
    if (this.#immediate !== immediate) return;
    this.#immediate = null;
    this.#arm();
  }

  setAlarm(callback: () => void, delay: number): unknown {
    this.#alarm = { callback, due: performance.now() + delay };
    this.#arm();
    return this.#alarm;
  }

  clearAlarm(alarm: unknown): void {
    if (this.#alarm !== alarm) return;
    this.#alarm = null;
    this.#arm();
  }

  refAlarm(): void {
    // Nothing keeps GLib's main loop alive, nor ends it, but who runs it.
  }

  watchDescriptor(descriptor: number, callback: () => void) {
    this.#scope = unownedScope();
    this.#onReadable = callback;
    const source = this.#opened();
    source.watch(descriptor);
    return {
      ref() {},
      unref() {},
      close: () => {
        if (this.#onReadable !== callback) return;
        this.#onReadable = null;
        this.#source?.watch(null);
        this.#closeIfIdle();
      },
    };
  }

  readonly #dispatched = (): void => this.#scope.runInAsyncScope(this.#call, this);

  readonly #call = (): void => {
    // It asks for an immediate, if none is there: the same call has it.
    this.#onReadable?.();
    const alarm = this.#alarm;
    if (alarm !== null && alarm.due <= performance.now()) {
      this.#alarm = null;
      alarm.callback();
    }
    const immediate = this.#immediate;
    this.#immediate = null;
    immediate?.();
    this.#arm();
  };

  #arm(): void {
    if (this.#immediate !== null) this.#opened().wakeIn(0);
    else if (this.#alarm !== null) this.#opened().wakeIn(Math.max(this.#alarm.due - performance.now(), 0));
    else this.#source?.wakeIn(null);
    this.#closeIfIdle();
  }

  #opened(): GlibSource {
    this.#source ??= new GlibSource(this.#priority, this.#dispatched);
    return this.#source;
  }

  #closeIfIdle(): void {
    if (this.#immediate !== null || this.#alarm !== null || this.#onReadable !== null) return;
    this.#source?.destroy();
    this.#source = null;
  }
}
