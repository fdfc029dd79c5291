import { StateError } from '../interface/index.ts';

/** The barrier was broken, or reset while somebody waited at it. */
export class BrokenBarrierError extends StateError<'ERR_BROKEN_BARRIER'> {
  override readonly name = 'BrokenBarrierError';

  constructor(message: string) {
    super('ERR_BROKEN_BARRIER', message);
  }
}
