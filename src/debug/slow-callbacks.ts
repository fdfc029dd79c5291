import type { Runnable } from '../interface/index.ts';
import { type LoopObserver, observeLoop, type StopObserving } from '../loop/index.ts';
import type { EventLoop } from '../runtime/index.ts';
import { placesOfCode } from './code-place.ts';
import { describeCulprit, describeStep, protocolMethodName, taskOf } from './runnable-name.ts';
import { codeOf, coroutineName } from './task-insight.ts';
import { describeResource } from './unclosed.ts';

interface ProtocolCall {
  readonly transport: object;
  readonly protocol: object;
  readonly method: string;
}

/** Gives names to callbacks that held up the loop: keeps of each what is lost by its end. */
export class SlowCallbacks implements Partial<LoopObserver> {
  readonly #loop: EventLoop;
  /** what the task drives whose step it is */
  #coroutine = '';
  #code: object | null = null;
  /** the last call of a protocol in it */
  #call: ProtocolCall | null = null;

  constructor(loop: EventLoop) {
    this.#loop = loop;
  }

  watch(): StopObserving {
    return observeLoop(this.#loop, this);
  }

  callbackBegins(runnable: Runnable): void {
    const task = taskOf(runnable);
    this.#call = null;
    this.#coroutine = task === null ? '' : coroutineName(task);
    this.#code = task === null ? null : codeOf(task);
  }

  protocolCalled(transport: object, protocol: object, method: string): void {
    this.#call = { transport, protocol, method };
  }

  nameOf(runnable: Runnable): string {
    const step = describeStep(runnable);
    if (step.task !== null) {
      const [place] = this.#coroutine === '' && this.#code !== null ? placesOfCode([this.#code]) : [];
      return describeCulprit(step, place ?? this.#coroutine);
    }
    if (this.#call === null) return describeCulprit(step);
    const { transport, protocol, method } = this.#call;
    return `${protocolMethodName(protocol, method)} on ${describeResource(transport)}`;
  }
}
