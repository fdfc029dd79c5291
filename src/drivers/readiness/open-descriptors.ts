import { StateError } from '../../interface/index.ts';

/** Something that a driver has opened, or taken over, and that closes its descriptor. */
interface Open {
  readonly fd: number;
  abort(): void;
}

/** Everything that is open in a driver, so that it can be closed, and nobody else takes its descriptors. */
export class OpenDescriptors {
  readonly #all = new Set<Open>();
  readonly #byDescriptor: (Open | undefined)[] = [];

  add(open: Open): void {
    this.#all.add(open);
    this.#byDescriptor[open.fd] = open;
  }

  delete(open: Open): void {
    this.#all.delete(open);
    if (this.#byDescriptor[open.fd] === open) this.#byDescriptor[open.fd] = undefined;
  }

  /** @throws {StateError} `ERR_DESCRIPTOR_IN_USE`: a transport or a server has it */
  mustNotHave(fd: number, doing: string): void {
    if (this.#byDescriptor[fd] !== undefined)
      throw inUse(doing, 'a transport or a server of this loop has it');
  }

  [Symbol.iterator](): Iterator<Open> {
    return this.#all.values();
  }
}

export function inUse(doing: string, why: string): StateError<'ERR_DESCRIPTOR_IN_USE'> {
  return new StateError('ERR_DESCRIPTOR_IN_USE', `Cannot ${doing}: ${why}`);
}
