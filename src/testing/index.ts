/** Programs under test in simulated time, on a network that a seed makes faulty. */

export type {
  Latency,
  LinkOptions,
  NameOptions,
  TaskState,
  TraceEvent,
  TraceKind,
  TraceSink,
  TraceState,
} from '../drivers/simulation/index.ts';
export type { Deviation } from './deviations.ts';
export type { ExhaustiveOptions } from './exhaustive.ts';
export { ExplorationError, type ExplorationFailure } from './exploration-error.ts';
export { type ExploreOptions, type ExploreProgress, type ExploreReport, explore } from './explore.ts';
export { mainOf } from './main-of.ts';
export type { FaultOptions, FaultRate } from './nemesis.ts';
export type { TaskBody } from './program.ts';
export { RealIoError } from './real-io-error.ts';
export { ReplayTokenError } from './replay-token.ts';
export type { ShrinkOptions } from './shrink.ts';
export { type SimTestOptions, simTest } from './sim-test.ts';
export { type Scenario, type SimulationOptions, simulate } from './simulate.ts';
export {
  type HostClock,
  type HostMain,
  type HostOptions,
  type HostState,
  SimulatedHost,
} from './simulated-host.ts';
export { type HostReference, SimulatedNetwork } from './simulated-network.ts';
export { Simulation } from './simulation.ts';
export { SimulationError, type SimulationErrorCode } from './simulation-error.ts';
export type { TestFunction, TestSettings } from './test-function.ts';
export type { TimelineOptions } from './timeline.ts';
export { Trace, type TraceOptions } from './trace.ts';
export { writeTrace } from './write-trace.ts';
