/** What a watchdog is told when it starts. */
export interface WatchdogSettings {
  readonly memory: SharedArrayBuffer;
  /** milliseconds */
  readonly threshold: number;
  readonly stack: boolean;
}

/** Characters of a name. */
export const nameLengthMax = 120;

const beats = 0;
/** odd while a callback runs */
const callbacks = 1;
const nameLength = 2;
const headerBytes = 16;

/** What a loop's thread and its watchdog have in common. The former writes, the latter only reads. */
export class SharedState {
  readonly memory: SharedArrayBuffer;
  readonly #numbers: Int32Array;
  readonly #name: Uint16Array;

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(headerBytes + 2 * nameLengthMax)) {
    this.memory = memory;
    this.#numbers = new Int32Array(memory, 0, 3);
    this.#name = new Uint16Array(memory, headerBytes);
  }

  /** The thread has come round. */
  beat(): void {
    Atomics.add(this.#numbers, beats, 1);
  }

  begin(): void {
    Atomics.add(this.#numbers, callbacks, 1);
  }

  end(): void {
    Atomics.add(this.#numbers, callbacks, 1);
  }

  /** Something that changes as long as the thread goes on. */
  get pulse(): string {
    return `${Atomics.load(this.#numbers, beats)} ${Atomics.load(this.#numbers, callbacks)}`;
  }

  get inCallback(): boolean {
    return (Atomics.load(this.#numbers, callbacks) & 1) === 1;
  }

  /** Of the callback that began last. May be read while it changes: then it is that of nobody. */
  get name(): string {
    const length = Math.min(Atomics.load(this.#numbers, nameLength), nameLengthMax);
    return String.fromCharCode(...this.#name.slice(0, length));
  }

  set name(name: string) {
    const length = Math.min(name.length, nameLengthMax);
    for (let at = 0; at < length; at++) this.#name[at] = name.charCodeAt(at);
    Atomics.store(this.#numbers, nameLength, length);
  }
}
