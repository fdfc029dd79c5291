/** Bluebird 3: its queue on our loop, and promises of it that can be cancelled. */
export { type BluebirdClass, bluebirdFrom } from './bluebird-from.ts';
export { installLoop } from './install-loop.ts';
