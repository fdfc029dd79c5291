/** A network of machines with clocks of their own, in memory: what happens there is decided by a seed. */
export { Clock } from './clock.ts';
export type { Latency } from './latency.ts';
export type { LinkOptions } from './link.ts';
export { Machine } from './machine.ts';
export type { NameOptions } from './name-service.ts';
export { type ChoiceKind, Choices, Oracle, type Overruling } from './oracle.ts';
export { SimulatedSignals } from './simulated-signals.ts';
export { SimulationDriver } from './simulation-driver.ts';
export type { TaskState, TraceEvent, TraceKind, TraceSink, TraceState } from './trace.ts';
export { World, type WorldOptions } from './world.ts';
