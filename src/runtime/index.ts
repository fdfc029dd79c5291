/** Puts it all together: the event loop, the policy, and `run`. */

export { setDefaultExecutorFactory } from './default-executor.ts';
export { createDriver, type DriverInfo, driversOffering, environment, listDrivers } from './drivers.ts';
export { endTasks } from './end-tasks.ts';
export { EventLoop } from './event-loop.ts';
export { type LoopExtension, setLoopExtension } from './loop-extension.ts';
export { type NewEventLoopOptions, newEventLoop } from './new-event-loop.ts';
export { DefaultEventLoopPolicy, getEventLoopPolicy, setEventLoopPolicy } from './policy.ts';
export { Runner, type RunnerKind, type RunnerOptions, run } from './run.ts';
export { isRunnable, isSource } from './runnable.ts';
export { Server } from './server.ts';
export { setTaskDrawer } from './stuck.ts';
