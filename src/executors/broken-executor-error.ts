import { LoopError } from '../interface/index.ts';

/** The thread in which a job ran has ended before the job had. `cause` is the error that ended it, where there is one. */
export class BrokenExecutorError extends LoopError<'ERR_BROKEN_EXECUTOR'> {
  override readonly name = 'BrokenExecutorError';

  constructor(message: string, options?: ErrorOptions) {
    super('ERR_BROKEN_EXECUTOR', message, options);
  }
}
