/** Node's streams to and from ours, with back-pressure, errors and cancellation passed on both ways. */
export { fromNodeReadable } from './from-node-readable.ts';
export { fromNodeWritable } from './from-node-writable.ts';
export { toNodeDuplex } from './to-node-duplex.ts';
export { toNodeReadable } from './to-node-readable.ts';
export { type NodeStreamOptions, toNodeWritable } from './to-node-writable.ts';
