import { closeSync, openSync } from 'node:fs';
import { devNull } from 'node:os';

const outOfDescriptors = new Set(['EMFILE', 'ENFILE', 'ENOMEM']);

/** Why no descriptor can be opened now; null if one can. Two system calls, 2 µs. */
export function descriptorTrouble(): Error | null {
  try {
    closeSync(openSync(devNull, 'r'));
  } catch (error) {
    if (outOfDescriptors.has((error as NodeJS.ErrnoException).code ?? '')) return error as Error;
  }
  return null;
}
