type Collect = (options: { type: 'minor' }) => void;

/**
 * So much memory may be given away before what nobody holds any more is collected: about what stays in the processor's
 * caches, and enough to make a collection's fixed cost small.
 */
const givenBytesMax = 8 * 1024 * 1024;

let givenBytes = 0;
/** undefined: not looked for yet */
let collect: Collect | null | undefined;

/**
 * Counts memory that is given away, and collects young garbage once in a while.
 *
 * The engine sees small objects when it is asked for a buffer, and leaves the large memory behind them for dozens of
 * megabytes; then it collects everything, old and young. By then each new buffer is memory that no cache knows any more.
 * Messages of 10 KiB cost twice as much CPU time that way, and those of 64 KiB, too.
 */
export function countGivenBytes(byteCount: number): void {
  givenBytes += byteCount;
  if (givenBytes < givenBytesMax) return;
  givenBytes = 0;
  if (collect === undefined) collect = findCollect();
  collect?.({ type: 'minor' });
}

/** The engine's function for it, which programs see with `--expose-gc` only; null: not to be had. */
function findCollect(): Collect | null {
  const exposed = (globalThis as { gc?: unknown }).gc;
  if (typeof exposed === 'function') return exposed as Collect;
  const { process } = globalThis;
  const v8 = process?.getBuiltinModule?.('node:v8');
  const vm = process?.getBuiltinModule?.('node:vm');
  if (v8 === undefined || vm === undefined) return null;
  try {
    // A context gets the function when it is made, or not: those of the program stay as they are.
    v8.setFlagsFromString('--expose-gc');
    const found: unknown = vm.runInNewContext('gc');
    v8.setFlagsFromString('--no-expose-gc');
    return typeof found === 'function' ? (found as Collect) : null;
  } catch {
    // Another engine, or one that takes no flags any more.
    return null;
  }
}
