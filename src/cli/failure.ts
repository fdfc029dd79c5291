import { GroupError, LoopError } from '../interface/index.ts';

/** The command cannot do what it was asked: `message` says why, in one line, to the person who asked. */
export class CommandError extends LoopError<'ERR_COMMAND'> {
  override readonly name = 'CommandError';

  constructor(message: string, options?: ErrorOptions) {
    super('ERR_COMMAND', message, options);
  }
}

/** What standard error is told of a failure: a line for one that was to be reckoned with, all there is for a defect. */
export function describeFailure(error: unknown): string {
  if (error instanceof LoopError || error instanceof GroupError) return oneLine(error.message);
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ');
}
