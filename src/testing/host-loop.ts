import type { Machine, SimulationDriver } from '../drivers/simulation/index.ts';
import type { ExceptionContext } from '../interface/index.ts';
import { EventLoop } from '../runtime/index.ts';

/** The loop of a program on a simulated host. What nobody handles is told to whoever runs the simulation. */
export class HostLoop extends EventLoop {
  readonly machine: Machine;
  readonly #onUnhandled: (context: ExceptionContext) => boolean;

  constructor(
    driver: SimulationDriver,
    machine: Machine,
    onUnhandled: (context: ExceptionContext) => boolean,
  ) {
    super(driver);
    this.machine = machine;
    this.#onUnhandled = onUnhandled;
    this.debugSocket = false;
  }

  override defaultExceptionHandler(context: ExceptionContext): void {
    if (context.level === 'debug' || !this.#onUnhandled(context)) super.defaultExceptionHandler(context);
  }
}
