import { setTimeout } from 'node:timers';

// V8 takes a stack in 2 µs and makes its text in 10 more, when that is asked for first. Most stacks that debug mode takes
// are never looked at: the wait is over, the coroutine is run. So the text is made late, but not never: until then a stack
// keeps alive what was `this` in each of its frames, and debug mode must not decide what is garbage.

/** Frames kept of each stack: V8's own limit of ten does not reach through the loop to deep coroutines. */
const framesMax = 50;

/** How long a stack may be without text, in milliseconds. */
const patience = 100;

/** How long texts may be made at a time. */
const budget = 5;

const textless = new Set<RecordedStack>();
let awaited = false;

/** The stack where this was made. */
export class RecordedStack {
  #holder: { stack?: string } | null = {};
  #text = '';

  constructor() {
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = framesMax;
    Error.captureStackTrace(this.#holder as object, RecordedStack);
    Error.stackTraceLimit = limit;
    textless.add(this);
    if (!awaited) awaitTexts();
  }

  /** As `Error.stack` has it. */
  get text(): string {
    if (this.#holder !== null) {
      this.#text = String(this.#holder.stack);
      this.drop();
    }
    return this.#text;
  }

  /** Says that nobody will ask for the text. */
  drop(): void {
    this.#holder = null;
    textless.delete(this);
  }
}

function awaitTexts(): void {
  awaited = true;
  setTimeout(makeTexts, patience).unref();
}

function makeTexts(): void {
  awaited = false;
  const end = performance.now() + budget;
  for (const stack of textless) {
    void stack.text;
    if (performance.now() > end) break;
  }
  if (textless.size > 0) awaitTexts();
}
