/**
 * The standard: what a loop promises, and what a driver must fulfil. Types and errors; no I/O. How to write a driver is
 * told, with an example, in `docs/writing-a-driver.md` of the repository.
 */
export type * from './address.ts';
export type * from './context.ts';
export type * from './driver.ts';
export * from './errors.ts';
export type * from './event-loop.ts';
export type * from './executor.ts';
export type * from './future.ts';
export { futureMarker } from './future.ts';
export type * from './handle.ts';
export type * from './policy.ts';
export type * from './protocol.ts';
export type * from './server.ts';
export type * from './transport.ts';
