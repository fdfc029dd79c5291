import type {
  DescriptorOperations,
  DescriptorWait,
  Direction,
  DriverHost,
  Runnable,
} from '../../interface/index.ts';
import { READABLE, WRITABLE } from '../../selectors/index.ts';
import { inUse } from './open-descriptors.ts';
import type { Waiting, WatchedDescriptors } from './watched-descriptor.ts';

/** Any descriptor, watched for whoever wants to be called when it is ready. */
export class ReadyDescriptors implements DescriptorOperations {
  readonly #host: DriverHost;
  readonly #descriptors: WatchedDescriptors;

  constructor(host: DriverHost, descriptors: WatchedDescriptors) {
    this.#host = host;
    this.#descriptors = descriptors;
  }

  watch(fd: number, direction: Direction, callback: Runnable): void {
    const interest = interestOf(direction);
    const before = this.#descriptors.at(fd, interest);
    if (before !== null && !(before instanceof CallbackWatch)) {
      throw inUse(`watch descriptor ${fd}`, 'an operation on its socket waits for the same');
    }
    this.#descriptors.set(fd, interest, new CallbackWatch(this.#host, fd, direction, callback));
  }

  unwatch(fd: number, direction: Direction): boolean {
    const interest = interestOf(direction);
    if (!(this.#descriptors.at(fd, interest) instanceof CallbackWatch)) return false;
    this.#descriptors.remove(fd, interest);
    return true;
  }

  waits(): DescriptorWait[] {
    return this.#descriptors.waits();
  }
}

class CallbackWatch implements Waiting {
  readonly #host: DriverHost;
  readonly #fd: number;
  readonly #direction: Direction;
  readonly #callback: Runnable;

  constructor(host: DriverHost, fd: number, direction: Direction, callback: Runnable) {
    this.#host = host;
    this.#fd = fd;
    this.#direction = direction;
    this.#callback = callback;
  }

  run(): void {
    this.#callback.run();
  }

  lost(exception: Error): void {
    const role = this.#direction === 'read' ? 'reader' : 'writer';
    this.#host.report({
      message: `Descriptor ${this.#fd} was closed with a ${role} registered; remove it before`,
      exception,
    });
  }

  who(): Runnable[] {
    return [this.#callback];
  }
}

function interestOf(direction: Direction): number {
  return direction === 'read' ? READABLE : WRITABLE;
}
