import { nodeHost } from './hosts/node-host.ts';

// V8 takes a stack in 1 to 2 µs and makes its text in 10 to 25 more, when that is asked for first. Most stacks that
// debug mode takes are never looked at: the wait is over, the future is done, the coroutine is run, and who took the stack
// drops it. So the text is made late, but not never: until then a stack keeps alive what was `this`, and what was called,
// in each of its frames, and debug mode must not decide what is garbage. (Nor may it make chains: a callback that queues
// the next one is in the stack of that one.) The text takes about as much room as the frames: some 60 bytes each.

/** Frames kept of each stack, unless told otherwise: V8's own limit, which a program may have changed. */
const framesMaxDefault = 10;

/** How long a stack may be without text, in milliseconds: twice that at most, unless there are too many. */
const patience = 100;

/** How long texts may be made at a time, in milliseconds. */
const budget = 5;

/** Stacks that wait for their text. Where more come, they wait no longer, and hold what they hold while they are there. */
const textlessMax = 10_000;

/** What a stack can begin below: a class stands for its constructor. */
type Callee = ((...args: never[]) => unknown) | (new (...args: never[]) => unknown);

/** Those since the last look, and those before it. */
let young = new Set<RecordedStack>();
let old = new Set<RecordedStack>();
let awaited = false;

/** The stack where this was made, for who will hardly ever ask for it. */
export class RecordedStack {
  #holder: { stack?: string } | null = {};
  #text = '';

  /** @param from what is left out of the stack, with all that it has called; this constructor unless given */
  constructor(from: Callee = RecordedStack, framesMax = framesMaxDefault) {
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = framesMax;
    Error.captureStackTrace(this.#holder as object, from);
    Error.stackTraceLimit = limit;
    if (young.size >= textlessMax) young.clear();
    young.add(this);
    if (!awaited) awaitTexts();
  }

  /** As `Error.stack` has it, without the first line: a line for each frame. */
  get text(): string {
    if (this.#holder !== null) {
      this.#text = String(this.#holder.stack ?? '').replace(/^[^\n]*\n?/, '');
      this.drop();
    }
    return this.#text;
  }

  /** Says that nobody will ask for the text any more, if nobody has. */
  drop(): void {
    this.#holder = null;
    if (!young.delete(this)) old.delete(this);
  }
}

function awaitTexts(): void {
  awaited = true;
  nodeHost.refAlarm(nodeHost.setAlarm(makeTexts, patience), false);
}

function makeTexts(): void {
  awaited = false;
  const end = performance.now() + budget;
  for (const stack of old) {
    void stack.text;
    if (performance.now() > end) break;
  }
  if (old.size === 0) [old, young] = [young, old];
  if (old.size > 0 || young.size > 0) awaitTexts();
}
