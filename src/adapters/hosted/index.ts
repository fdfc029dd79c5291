/** Our loop on somebody else's scheduler, in the virtual time of tests. */
export { hostedLoop } from './hosted-loop.ts';
export type { TimeSource } from './time-source.ts';
