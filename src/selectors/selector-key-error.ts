import { LoopError } from '../interface/index.ts';

/** What Python calls a KeyError: the file object is registered already, or is not. */
export class SelectorKeyError extends LoopError<'ERR_ALREADY_REGISTERED' | 'ERR_NOT_REGISTERED'> {
  override readonly name = 'SelectorKeyError';
}
