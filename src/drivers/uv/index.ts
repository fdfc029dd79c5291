/** Names and signals by a loop of libuv's that is ours alone. */
export { PrivateUvLoop } from './private-uv-loop.ts';
export { UvNames } from './uv-names.ts';
export { UvSignals } from './uv-signals.ts';
