import { LoopError } from '../../interface/index.ts';

/**
 * - `ERR_PROGRAM_FAILED`: nobody caught an error of its
 * - `ERR_EXIT_CODE`: it has ended with another exit code than 0
 * - `ERR_NOT_ENDED`: nothing can ever happen any more, or time is up, and it has not ended
 */
export type ProgramErrorCode = 'ERR_PROGRAM_FAILED' | 'ERR_EXIT_CODE' | 'ERR_NOT_ENDED';

/** A program in a simulation did not end well; of what nobody caught, `cause` is the error. */
export class ProgramError extends LoopError<ProgramErrorCode> {
  override readonly name = 'ProgramError';
  readonly host: string;

  constructor(code: ProgramErrorCode, message: string, host: string, options?: ErrorOptions) {
    super(code, message, options);
    this.host = host;
  }
}
