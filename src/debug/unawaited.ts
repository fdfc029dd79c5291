import { type Coroutine, observeCoroutines } from '../coroutines/index.ts';
import { type RecordedStack, type StopObserving, warn } from '../loop/index.ts';
import { deepStack } from './deep-stack.ts';
import { formatOrigin } from './stack.ts';

/** A coroutine that nobody has run or closed yet. */
interface Unused {
  readonly name: string;
  readonly made: RecordedStack;
}

/**
 * Finds coroutines that are never run: `work()` where `yield* work()` was meant. A coroutine does nothing by itself, so
 * that such a slip shows in nothing else.
 *
 * It is found when the object is collected, and at the end of the run at the latest, as JavaScript promises no
 * collection. Takes the stack of each coroutine that is made, so this is for debug mode.
 */
export class UnawaitedCoroutines {
  readonly #unused = new Map<number, Unused>();
  readonly #numbers = new WeakMap<Coroutine<unknown>, number>();
  #given = 0;
  readonly #registry = new FinalizationRegistry<number>((number) => {
    const forgotten = this.#unused.get(number);
    if (forgotten === undefined) return;
    this.#unused.delete(number);
    warnOf(forgotten);
  });

  watch(): StopObserving {
    return observeCoroutines({
      coroutineMade: (coroutine) => {
        const number = ++this.#given;
        this.#numbers.set(coroutine, number);
        this.#unused.set(number, { name: coroutine.name, made: deepStack() });
        this.#registry.register(coroutine, number, coroutine);
      },
      coroutineTaken: (coroutine) => {
        const number = this.#numbers.get(coroutine);
        if (number === undefined) return;
        this.#unused.get(number)?.made.drop();
        this.#unused.delete(number);
        this.#numbers.delete(coroutine);
        this.#registry.unregister(coroutine);
      },
    });
  }

  /** Warns of all that are left: nothing is there any more that could run them. */
  warnOfRest(): void {
    for (const forgotten of this.#unused.values()) warnOf(forgotten);
    this.forget();
  }

  forget(): void {
    this.#unused.clear();
  }
}

function warnOf({ name, made }: Unused): void {
  warn(
    'UnawaitedCoroutineWarning',
    `Coroutine ${name || '(anonymous)'} was never awaited: say \`yield*\` or \`await\`, make it a task, or close it` +
      formatOrigin('made at', made.text),
  );
}
