import { AsyncResource, createHook, executionAsyncId } from 'node:async_hooks';
import { isMainThread, threadId } from 'node:worker_threads';
import {
  type Culprit,
  findCulprit,
  framesOf,
  holdStack,
  isBelow,
  ourselves,
  type StackHolder,
} from './culprit.ts';
import { isServer, isThreadJob, kindOfResource } from './host-resources.ts';
import { formatFrame, parseStack } from './stack.ts';
import { formatColumns, printable } from './text.ts';

const stacksMaxDefault = 1000;

export interface PastLoopOptions {
  /** distinct places of code whose stacks are kept; of others only kind and package are told; 1 000 unless given */
  stacksMax?: number | undefined;
}

/** What one place of code has had Node's own loop do. */
export interface PastLoopEntry {
  /**
   * 'timer', 'immediate', 'socket', 'server', 'thread pool', 'child process', 'name look-up', 'signal', 'file watcher', 'thread',
   * 'message port', 'terminal'; what else there is has Node's name for it
   */
  readonly kind: string;
  /** name of the package; `node:http`, or `node`, where nobody but Node was on the stack; 'program' for what is in no package */
  readonly package: string;
  readonly count: number;
  /** those that have not ended yet, as far as Node has told by its last turn */
  readonly live: number;
  /** the place in that package; '' where none is kept, or only Node's own code was on the stack */
  readonly where: string;
  /** of the first time, innermost frame first, as in `Error.stack`; '' where none is kept */
  readonly firstStack: string;
}

/** What a meter has seen; `String` of it is a table. */
export class PastLoopReport {
  /** the most frequent first */
  readonly entries: readonly PastLoopEntry[];
  /** 0: the main thread */
  readonly thread: number;

  constructor(entries: readonly PastLoopEntry[]) {
    this.entries = entries;
    this.thread = isMainThread ? 0 : threadId;
  }

  /** A line for each entry. */
  toString(): string {
    const { entries } = this;
    if (entries.length === 0) return `Nothing went past the loop ${this.#where}`;
    const rows = entries.map(({ count, live, kind, package: name, where }) =>
      [String(count), String(live), kind, name, where].map(printable),
    );
    return `What went past the loop ${this.#where}:\n${formatColumns([['count', 'live', 'kind', 'package', 'at'], ...rows])}`;
  }

  /** As `toString`, and the first stack of each entry. */
  withStacks(): string {
    const stacks = this.entries
      .filter(({ firstStack }) => firstStack !== '')
      .map((entry) => `\n${printable(`${entry.kind} of ${entry.package}`)}\n${entry.firstStack}\n`);
    return `${this}\n${stacks.join('')}`;
  }

  get #where(): string {
    return this.thread === 0
      ? 'in the main thread, the only one looked at'
      : `in worker thread ${this.thread}, the only one looked at`;
  }
}

/**
 * Counts, until `stop`, what goes past every loop of this library to Node's own, in this thread: timers, immediates, sockets,
 * jobs of the thread pool, processes, by the package that asks for it, with its stack. For finding out whether everything is
 * on the loop that was meant to be. What the library needs of Node for itself is not counted, nor is what blocks, what
 * `console` prints, or what was open before.
 *
 * The package is the innermost on the stack. What a resource makes by itself, as a server does its sockets, counts as of who
 * made that one. Each timer and the like costs some 10 µs meanwhile. While a loop blocks the thread, nothing of Node's ends:
 * all stays live.
 *
 * @throws {RangeError} `stacksMax` is no whole number from 0 on
 */
export function watchPastLoop(options: PastLoopOptions = {}): PastLoopMeter {
  const { stacksMax = stacksMaxDefault } = options;
  if (!Number.isSafeInteger(stacksMax) || stacksMax < 0) {
    throw new RangeError('Cannot watch what goes past the loop: stacksMax is no number of stacks, from 0 on');
  }
  return new PastLoopMeter(stacksMax);
}

/** What is counted for one kind and one place. */
interface Tally {
  readonly kind: string;
  readonly package: string;
  /** of the place */
  readonly key: string;
  readonly where: string;
  readonly firstStack: string;
  count: number;
  live: number;
}

/** What makes others by itself, as a tick does or what compresses: they are counted as of who made it. */
interface Maker {
  /** looked at only if somebody has to know: null when it has been, or is not known */
  holder: StackHolder | null;
  /** null: it cannot tell, but perhaps `cause` can */
  found: Found | typeof ourselves | null;
  /** in what this was made */
  readonly cause: Origin | undefined;
  /** of makers by whom makers were made: without a limit, ticks that queue ticks would never be forgotten */
  readonly depth: number;
}

const depthMax = 8;

interface Found {
  readonly culprit: Culprit;
  readonly stack: readonly NodeJS.CallSite[];
}

/** What was made before. */
type Origin = Tally | Maker | typeof ourselves;

const running = new Set<PastLoopMeter>();

/** What the meters that run have seen and is live still, a line for each place. */
export function livePastLoop(): string[] {
  // They see the same, the first one most of it.
  const [meter] = running;
  return (meter?.report().entries ?? [])
    .filter(({ live }) => live > 0)
    .map(
      ({ live, kind, package: name, where }) =>
        `${live} × ${kind} of ${name}${where === '' ? '' : `, at ${where}`}`,
    );
}

/** Made by `watchPastLoop`. */
export class PastLoopMeter {
  readonly #stacksMax: number;
  readonly #tallies = new Map<string, Tally>();
  #stacks = 0;
  /** What is live: by Node's ids. */
  readonly #known = new Map<number, Origin>();
  readonly #hook = createHook({
    init: (id, type, trigger, resource) => {
      // On Node 20 nearly all are promises, in spite of the option.
      if (type === 'PROMISE') return;
      try {
        this.#made(id, type, trigger, resource);
      } catch {
        // An error in a hook ends the process, and here the stack may be full.
      }
    },
    destroy: (id) => {
      const known = this.#known.get(id);
      if (known === undefined) return;
      this.#known.delete(id);
      if (isTally(known)) known.live--;
    },
    trackPromises: false,
  });

  /** @internal */
  constructor(stacksMax: number) {
    this.#stacksMax = stacksMax;
    running.add(this);
    this.#hook.enable();
  }

  /** Also after `stop`. */
  report(): PastLoopReport {
    const entries = [...this.#tallies.values()]
      .map(({ key, ...entry }): PastLoopEntry => entry)
      .sort((one, other) => other.count - one.count);
    return new PastLoopReport(entries);
  }

  /** Idempotent. What was seen is kept, and what is live at this moment is told as live. */
  stop(): void {
    this.#hook.disable();
    running.delete(this);
    this.#known.clear();
  }

  [Symbol.dispose](): void {
    this.stop();
  }

  #made(id: number, type: string, trigger: number, resource: object): void {
    if (type === 'TickObject') {
      this.#known.set(id, maker(holdStack(this.#made), this.#known.get(executionAsyncId())));
      return;
    }
    const kind = kindOfResource(type);
    if (kind === null || resource instanceof AsyncResource) return;
    if (type === 'ZLIB') this.#countCalls(id, kind, type, resource, 'write', () => true);
    else if (isThreadJob(type)) {
      // With those of crypto.subtle Node 26 has a promise told, and not them; random bytes it asks for in another way.
      const forPromise = (stack: readonly NodeJS.CallSite[]) =>
        type !== 'RANDOMBYTESREQUEST' && isBelow(stack, 'node:internal/crypto/', 'jobPromise');
      this.#countCalls(
        id,
        kind,
        type,
        resource,
        'run',
        (stack) => Reflect.get(resource, 'ondone') !== undefined || forPromise(stack),
      );
    } else this.#count(id, kind, type, trigger, framesOf(holdStack(this.#made)));
  }

  /** What may also be used in a way that blocks is counted when a thread is asked. */
  #countCalls(
    id: number,
    kind: string,
    type: string,
    resource: object,
    method: string,
    asksThread: (stack: readonly NodeJS.CallSite[]) => boolean,
  ): void {
    const original = Reflect.get(resource, method) as (...args: unknown[]) => unknown;
    const trigger = executionAsyncId();
    const counting = (...args: unknown[]) => {
      if (running.has(this)) {
        const stack = framesOf(holdStack(counting));
        if (asksThread(stack)) this.#count(id, kind, type, trigger, stack);
      }
      return Reflect.apply(original, resource, args);
    };
    Object.defineProperty(resource, method, { value: counting, configurable: true, writable: true });
  }

  #count(id: number, kind: string, type: string, trigger: number, stack: readonly NodeJS.CallSite[]): void {
    const culprit = findCulprit(stack);
    if (culprit !== ourselves && isPartOfAnother(type, stack.slice(0, culprit.frame ?? stack.length))) return;
    const tally = this.#tallyOf(kind, culprit, stack, trigger);
    if (tally === ourselves) {
      // The sockets that it makes will be ours.
      if (isServer(type)) this.#known.set(id, ourselves);
      return;
    }
    tally.count++;
    if (type === 'ZLIB') {
      // It does not end when it has compressed something, but when it is collected.
      this.#known.set(id, maker(null, tally));
      return;
    }
    tally.live++;
    this.#known.set(id, tally);
  }

  #tallyOf(
    kind: string,
    culprit: Culprit | typeof ourselves,
    stack: readonly NodeJS.CallSite[],
    trigger: number,
  ): Tally | typeof ourselves {
    if (culprit === ourselves) return ourselves;
    if (culprit.frame === null) {
      const origin =
        whoMade(this.#known.get(executionAsyncId())) ?? whoMade(this.#known.get(trigger)) ?? null;
      if (origin === ourselves) return ourselves;
      if (origin !== null && 'stack' in origin) return this.#tally(kind, origin.culprit, origin.stack);
      if (origin !== null) {
        return this.#tallyAt(kind, origin.package, origin.key, () => ({
          where: origin.where,
          firstStack: origin.firstStack,
        }));
      }
    }
    return this.#tally(kind, culprit, stack);
  }

  #tally(kind: string, culprit: Culprit, stack: readonly NodeJS.CallSite[]): Tally {
    return this.#tallyAt(kind, culprit.package, culprit.key, () => {
      const site = culprit.frame === null ? undefined : stack[culprit.frame];
      const [place] = site === undefined ? [] : parseStack(`    at ${site}`);
      return {
        where: place === undefined ? '' : formatFrame(place),
        firstStack: stack.map((each) => `    at ${each}`).join('\n'),
      };
    });
  }

  /** @param describe makes the texts, which are dear, of a new one; not of those beyond the limit, which are counted by package */
  #tallyAt(
    kind: string,
    name: string,
    place: string,
    describe: () => { where: string; firstStack: string },
  ): Tally {
    let tally = this.#tallies.get(`${kind} ${place}`);
    if (tally !== undefined) return tally;
    const kept = this.#stacks < this.#stacksMax;
    const key = kept ? place : `(${name})`;
    if (kept) this.#stacks++;
    else tally = this.#tallies.get(`${kind} ${key}`);
    if (tally === undefined) {
      const texts = kept ? describe() : { where: '', firstStack: '' };
      tally = { kind, package: name, key, ...texts, count: 0, live: 0 };
      this.#tallies.set(`${kind} ${key}`, tally);
    }
    return tally;
  }
}

function maker(holder: StackHolder | null, cause: Origin | undefined): Maker {
  const depth = isMaker(cause) ? cause.depth + 1 : 0;
  return depth > depthMax
    ? { holder, found: null, cause: undefined, depth: 0 }
    : { holder, found: null, cause, depth };
}

function isMaker(origin: Origin | undefined): origin is Maker {
  return origin !== undefined && origin !== ourselves && 'depth' in origin;
}

function isTally(origin: Origin): origin is Tally {
  return origin !== ourselves && !isMaker(origin);
}

/** Whom to count it as of what `origin` has made. */
function whoMade(origin: Origin | undefined): Tally | Found | typeof ourselves | undefined {
  let maker = origin;
  for (; isMaker(maker); maker = maker.cause) {
    if (maker.holder !== null) {
      const stack = framesOf(maker.holder);
      const culprit = findCulprit(stack);
      maker.holder = null;
      if (culprit === ourselves) maker.found = culprit;
      else if (culprit.frame !== null) maker.found = { culprit, stack };
    }
    if (maker.found !== null) return maker.found;
  }
  return maker;
}

/**
 * What nobody would look for: it belongs to something that is counted itself, or to printing.
 *
 * @param stack what Node's own functions have called for it
 */
function isPartOfAnother(type: string, stack: readonly NodeJS.CallSite[]): boolean {
  return (
    isBelow(stack, 'node:internal/console/') ||
    isBelow(stack, 'node:internal/bootstrap/', 'createWritableStdioStream') ||
    // It looks after ticks again when an error that nobody caught has been told of.
    isBelow(stack, 'node:internal/process/', '_fatalException') ||
    (type === 'PIPEWRAP' && isBelow(stack, 'node:internal/child_process')) ||
    (type === 'MESSAGEPORT' && isBelow(stack, 'node:internal/worker'))
  );
}
