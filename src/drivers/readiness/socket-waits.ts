import { type Completion, type Operation, type Socket, StateError } from '../../interface/index.ts';
import { EAGAIN, EINTR, NativeSocket, systemFailure } from '../../syscalls/index.ts';
import { inUse, type OpenDescriptors } from './open-descriptors.ts';
import type { Waiting, WatchedDescriptors } from './watched-descriptor.ts';

/** An operation on a socket, in the kernel's words. */
export interface Try<T> {
  /** what it is, for errors, and what it calls */
  readonly what: readonly [doing: string, syscall: string];
  /** what errors name besides */
  readonly fields?: { address: string; port?: number };
  /** The result, 0 or more; or an error's number, negative. */
  attempt(): number;
  /** the error that means that the kernel will say when to try again; EAGAIN unless given */
  readonly retryOn?: number;
  value(result: number): T;
  /** How an error is told; null: as usual. */
  failure?(number: number): Error | null;
  readonly completion: Completion<T>;
}

/** Who waits for the program's own sockets: for each direction of each a line, first come, first served. */
export class SocketWaits {
  readonly #open: OpenDescriptors;
  readonly #descriptors: WatchedDescriptors;

  constructor(open: OpenDescriptors, descriptors: WatchedDescriptors) {
    this.#open = open;
    this.#descriptors = descriptors;
  }

  /**
   * Tries at once, unless others wait for the same.
   *
   * @param socket open
   * @throws {StateError} a transport has it, or a callback waits for the same
   * @throws {SystemError} the kernel does not watch it
   */
  start<T>(socket: Socket, interest: number, tried: Try<T>): Operation {
    const { fd } = socket;
    const [doing] = tried.what;
    this.#open.mustNotHave(fd, doing);
    const before = this.#descriptors.at(fd, interest);
    if (before instanceof Line) return before.add(tried);
    if (attempt(tried)) return over;
    if (before !== null) throw inUse(doing, `a callback is registered for descriptor ${fd}`);
    const line: Line = new Line(socket, () => this.#descriptors.remove(fd, interest));
    this.#descriptors.set(fd, interest, line);
    line.begin();
    return line.add(tried);
  }
}

const over: Operation = { cancel() {} };

/** True if that was the end of it. */
function attempt<T>(tried: Try<T>): boolean {
  const { what, fields, retryOn = EAGAIN, completion } = tried;
  for (;;) {
    const result = tried.attempt();
    if (result === -retryOn) return false;
    if (result === -EINTR) continue;
    if (result >= 0) completion.succeeded(tried.value(result));
    else completion.failed(tried.failure?.(-result) ?? systemFailure(...what, -result, fields));
    return true;
  }
}

class Line implements Waiting {
  readonly #socket: Socket;
  readonly #leave: () => void;
  // biome-ignore lint/suspicious/noExplicitAny: each has a completion that fits its value
  readonly #tries: Try<any>[] = [];

  constructor(socket: Socket, leave: () => void) {
    this.#socket = socket;
    this.#leave = leave;
  }

  /** It is what waits for the descriptor now. */
  begin(): void {
    if (this.#socket instanceof NativeSocket) this.#socket.addCloseListener(this.#onClose);
  }

  add<T>(tried: Try<T>): Operation {
    this.#tries.push(tried);
    return { cancel: () => this.#cancel(tried) };
  }

  run(): void {
    for (let next = this.#tries[0]; next !== undefined; next = this.#tries[0]) {
      if (!attempt(next)) return;
      this.#tries.shift();
    }
    this.#end();
  }

  lost(error: Error): void {
    this.#forget();
    for (const { completion } of this.#tries.splice(0)) completion.failed(error);
  }

  who(): string[] {
    return this.#tries.map(({ what: [doing] }) => doing);
  }

  readonly #onClose = (): void => {
    this.#leave();
    for (const { completion, what } of this.#tries.splice(0)) {
      completion.failed(
        new StateError(
          'ERR_SOCKET_CLOSED',
          `Cannot ${what[0]}: the socket was closed, or given away, meanwhile`,
        ),
      );
    }
  };

  #cancel<T>(tried: Try<T>): void {
    const place = this.#tries.indexOf(tried);
    if (place === -1) return;
    this.#tries.splice(place, 1);
    if (this.#tries.length === 0) this.#end();
  }

  #end(): void {
    this.#forget();
    this.#leave();
  }

  #forget(): void {
    if (this.#socket instanceof NativeSocket) this.#socket.removeCloseListener(this.#onClose);
  }
}
