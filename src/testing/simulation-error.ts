import { LoopError } from '../interface/index.ts';

/**
 * - `ERR_HOST_FAILED`: the main of a host failed, and nobody waited for it
 * - `ERR_UNHANDLED`: something failed that belongs to no caller: what a loop's exception handler is told, a promise's
 *   rejection that nobody handles
 * - `ERR_ALWAYS`: something did not hold that always should
 * - `ERR_DEADLOCK`: nothing can ever happen any more, and the scenario has not ended
 * - `ERR_LIVELOCK`: turn follows turn, and time does not move on
 * - `ERR_TIME_LIMIT`: the scenario takes longer than it may
 * - `ERR_SHUTDOWN`: a program that was to end did not
 * - `ERR_HOST_DOWN`: whoever waited for the end of a program learns that its host crashed, or that it was killed
 */
export type SimulationErrorCode =
  | 'ERR_HOST_FAILED'
  | 'ERR_UNHANDLED'
  | 'ERR_ALWAYS'
  | 'ERR_DEADLOCK'
  | 'ERR_LIVELOCK'
  | 'ERR_TIME_LIMIT'
  | 'ERR_SHUTDOWN'
  | 'ERR_HOST_DOWN';

/** What a simulation fails with that is no failure of its scenario's own. `cause` is the program's error, where there is one. */
export class SimulationError extends LoopError<SimulationErrorCode> {
  override readonly name = 'SimulationError';
  /** by which it happens again */
  readonly seed: number;
  /** milliseconds since the simulation began */
  readonly time: number;
  /** where it happened; null: in no host, or in several */
  readonly host: string | null;

  constructor(
    code: SimulationErrorCode,
    message: string,
    details: { seed: number; time: number; host: string | null },
    options?: ErrorOptions,
  ) {
    super(code, message, options);
    this.seed = details.seed;
    this.time = details.time;
    this.host = details.host;
  }
}

/** What to say of an error in a line of ours. Never throws. */
export function firstLineOf(error: unknown): string {
  try {
    return String(error).split('\n', 1)[0] as string;
  } catch {
    return 'something without text';
  }
}
