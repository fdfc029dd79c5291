/** One line of a stack. */
export interface StackFrame {
  /** '' for code outside functions and for those without a name */
  readonly name: string;
  /** a path, or a URL that is none of a file; null: nobody knows */
  readonly file: string | null;
  /** from 1 */
  readonly line: number | null;
  readonly column: number | null;
  /** `async`: of an `async` function or an async generator, which a JavaScript stack does not tell apart */
  readonly kind: 'function' | 'generator' | 'async';
}

const atLine = /^\s+at (async )?(?:(.*) \()?([^()]*|.*?)\)?$/;
const position = /^(.*?):(\d+):(\d+)$/;

/** Reads the text of `Error.stack`, innermost first; whatever looks otherwise is left out. */
export function parseStack(text: unknown): StackFrame[] {
  const frames: StackFrame[] = [];
  for (const line of String(text ?? '').split('\n')) {
    const match = atLine.exec(line);
    if (match === null) continue;
    const [, isAsync, name = '', where = ''] = match;
    const place = position.exec(where);
    const previous = frames.at(-1);
    // What V8 puts between the frame of a resumed generator and whoever resumed it.
    if (place === null && /\.(?:next|throw|return)$/.test(name)) {
      if (previous?.kind === 'function') frames[frames.length - 1] = { ...previous, kind: 'generator' };
      continue;
    }
    frames.push({
      name: name.replace(/ \[as [^\]]*\]$/, ''),
      file: place === null ? null : pathOf(place[1] ?? ''),
      line: place === null ? null : Number(place[2]),
      column: place === null ? null : Number(place[3]),
      kind: isAsync === undefined ? 'function' : 'async',
    });
  }
  return frames;
}

/** A path instead of a `file:` URL. */
export function pathOf(url: string): string {
  if (!url.startsWith('file:///')) return url;
  try {
    const { pathname } = new URL(url);
    return decodeURIComponent(/^\/[A-Za-z]:\//.test(pathname) ? pathname.slice(1) : pathname);
  } catch {
    return url;
  }
}

const libraryFolder = pathOf(new URL('..', import.meta.url).href);
const plumbing =
  /^(?:interface|loop|drivers|transports|runtime|debug)\/|^coroutines\/(?:task|future|reaction|observer|coroutine|create-task|ensure-future|scope|joint-wait)\.[jt]s$/;
const stepping = /^coroutines\/task\.[jt]s$/;

/** True for a file of this library. */
export function isLibraryFile(file: string | null): boolean {
  return file?.startsWith(libraryFolder) === true;
}

/** True for what runs and waits for coroutines, whichever they are. */
export function isPlumbing(file: string | null): boolean {
  return isLibraryFile(file) && plumbing.test(file?.slice(libraryFolder.length) ?? '');
}

/** Of a stack inside a task's step the frames that are the task's: without the engine above and below them. */
export function framesOfTask(frames: readonly StackFrame[]): StackFrame[] {
  const own: StackFrame[] = [];
  for (const frame of frames) {
    const { file } = frame;
    if (file === null || file.startsWith('node:')) continue;
    if (isLibraryFile(file) && stepping.test(file.slice(libraryFolder.length))) break;
    if (!isPlumbing(file)) own.push(frame);
  }
  return own;
}

/** Of any stack the frames of the program: where it called into this library. */
export function framesOfProgram(frames: readonly StackFrame[]): StackFrame[] {
  return frames.filter(({ file }) => file !== null && !file.startsWith('node:') && !isLibraryFile(file));
}

/** Lines to put under a message: `heading`, and where it was; '' if nobody knows. */
export function formatOrigin(heading: string, stack: unknown): string {
  const frames = framesOfProgram(parseStack(stack));
  if (frames.length === 0) return '';
  return `\n${heading}:\n${frames.map((frame) => `    at ${formatFrame(frame)}`).join('\n')}`;
}

/** `name (file:line:column)`, as in `Error.stack`. */
export function formatFrame({ name, file, line, column, kind }: StackFrame): string {
  const prefix = kind === 'function' ? '' : `${kind} `;
  const where = file === null ? '' : line === null ? file : `${file}:${line}:${column ?? 1}`;
  return name === ''
    ? `${prefix}${where}`
    : where === ''
      ? `${prefix}${name}`
      : `${prefix}${name} (${where})`;
}
