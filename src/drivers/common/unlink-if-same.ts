import { unlinkSync } from 'node:fs';
import { fileIdentity } from './unix-path.ts';

/** Removes a Unix server's file, unless another server has taken the name since. */
export function unlinkIfSame(path: string, identity: string): void {
  if (fileIdentity(path) !== identity) return;
  try {
    unlinkSync(path);
  } catch {
    // Gone meanwhile, or not ours to remove: it does no harm.
  }
}
