import type { Descriptor } from '../interface/index.ts';
import { type Callback, LoopHandle, type Scheduler } from '../loop/index.ts';

/** @throws {TypeError | RangeError} no descriptor, and nothing that has one */
export function descriptorNumber(descriptor: Descriptor, doing: string): number {
  const fd: unknown = typeof descriptor === 'object' && descriptor !== null ? descriptor.fd : descriptor;
  if (typeof fd !== 'number') {
    throw new TypeError(`Cannot ${doing} ${String(descriptor)}: it is no descriptor, and has none as its fd`);
  }
  if (!Number.isInteger(fd) || fd < 0 || fd >= 2 ** 31) {
    throw new RangeError(`Cannot ${doing} descriptor ${fd}: not an integer from 0 on`);
  }
  return fd;
}

/** What is called whenever a descriptor is ready. */
export class DescriptorCallback extends LoopHandle {
  constructor(owner: Scheduler, callback: Callback, args: unknown[]) {
    super(owner, callback, args, undefined);
  }

  override run(): void {
    if (this.callback !== null) this.invoke(this.callback, this.args);
  }
}
