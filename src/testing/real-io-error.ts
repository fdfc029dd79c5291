import { LoopError } from '../interface/index.ts';

/** Something of the real world was asked for inside of a simulation. `stack` says where. */
export class RealIoError extends LoopError<'ERR_REAL_IO'> {
  override readonly name = 'RealIoError';
  /** what was asked for, in words: 'a connection' */
  readonly what: string;

  /** @param instead what to do about it */
  constructor(what: string, instead: string, options?: ErrorOptions) {
    super(
      'ERR_REAL_IO',
      `Cannot have ${what}: this is a simulation, where nothing real happens; ${instead}`,
      options,
    );
    this.what = what;
  }
}
