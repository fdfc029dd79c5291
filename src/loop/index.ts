/** Decides what runs next: scheduler, timers, handles, contexts, the current loop, and who turns it. */
export { isAbandoned, markAbandoned } from './abandoned.ts';
export { type AsyncOwner, asyncOwner, type OwnedWait, runOwnedBy, unownedScope } from './async-context.ts';
export { BlockingRunner, type TurnedHost } from './blocking-runner.ts';
export {
  Context,
  ContextVar,
  copyContext,
  currentContext,
  currentStep,
  enterContext,
  enterFrame,
  type Frame,
  leaveContext,
  ownContext,
  type Token,
} from './context.ts';
export {
  alreadyRunning,
  attach,
  detach,
  getEventLoop,
  getRunningLoop,
  installPolicy,
  policyInstalled,
  roughTime,
  runningLoop,
  setEventLoop,
  threadLoop,
} from './current-loop.ts';
export { GuestRunner, type Host } from './guest-runner.ts';
export { type Callback, LoopHandle, LoopTimerHandle, RepeatingTimerHandle } from './handle.ts';
export { nodeHost } from './hosts/node-host.ts';
export { TurnedNode } from './hosts/turned-node.ts';
export { observeLoop, type StopObserving } from './observe-loop.ts';
export { hasOwnWorld, markOwnWorld } from './own-world.ts';
export { RecordedStack } from './recorded-stack.ts';
export {
  describeRunnable,
  type LoopObserver,
  Scheduler,
  type SchedulerOwner,
} from './scheduler.ts';
export { type Stepper, SteppingRunner } from './stepping-runner.ts';
export { warn } from './warn.ts';
