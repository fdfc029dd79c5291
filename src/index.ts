/** Tulipa: one standard event loop. What implements a loop or a driver imports `tulipa/interface` instead. */
import { Coroutine as CoroutineClass, Future as FutureClass, Task as TaskClass } from './coroutines/index.ts';
import { debugExtension } from './debug/debug-extension.ts';
import { taskTree } from './debug/task-tree.ts';
import { ThreadPoolExecutor } from './executors/index.ts';
import type {
  Coroutine as CoroutineInterface,
  Future as FutureInterface,
  Task as TaskInterface,
} from './interface/index.ts';
import { setDefaultExecutorFactory, setLoopExtension, setTaskDrawer } from './runtime/index.ts';

export {
  allTasks,
  asCompleted,
  CancelScope,
  type CancelScopeOptions,
  type Completions,
  cancelScope,
  coroutine,
  createTask,
  currentTask,
  ensureFuture,
  type FutureOptions,
  fromSignal,
  type Gathered,
  type GatheredOutcomes,
  gather,
  isCoroutine,
  isFuture,
  type OpenCancelScope,
  type OpenTaskGroup,
  type OpenTimeout,
  openCancelScope,
  openTaskGroup,
  openTimeout,
  openTimeoutAt,
  type RaceOutcome,
  type ReturnWhen,
  race,
  type ScopeBody,
  type StartSource,
  shield,
  sleep,
  staggeredRace,
  TaskGroup,
  Timeout,
  task,
  taskGroup,
  timeout,
  timeoutAt,
  type WaitOptions,
  wait,
  waitFor,
  wrapFuture,
} from './coroutines/index.ts';
export * from './executors/index.ts';
export * from './interface/index.ts';
export {
  Context,
  ContextVar,
  copyContext,
  getEventLoop,
  getRunningLoop,
  setEventLoop,
  type Token,
} from './loop/index.ts';
export {
  DefaultEventLoopPolicy,
  type DriverInfo,
  getEventLoopPolicy,
  listDrivers,
  type NewEventLoopOptions,
  newEventLoop,
  Runner,
  type RunnerKind,
  type RunnerOptions,
  run,
  setEventLoopPolicy,
} from './runtime/index.ts';
export * from './streams/index.ts';
export * from './sync/index.ts';
export {
  createSocket,
  type NativeSocket,
  type SocketOptions,
  socketFromDescriptor,
  socketPair,
} from './syscalls/index.ts';
export {
  type CallerTicket,
  RemoteCaller,
  type ServedWorkers,
  type ServeWorker,
  type ServeWorkersOptions,
  serveWorkers,
  ThreadsafeCaller,
  transfer,
  type WorkerFailure,
} from './threads/index.ts';

// What lies above the loop reaches it from here only, where everything is at hand.
setLoopExtension(debugExtension);
setDefaultExecutorFactory(() => new ThreadPoolExecutor());
setTaskDrawer((loop) => taskTree(loop).toString());

// As types these are the standard's, which every loop's own fulfil; as values they are what makes or recognises ours.

export type Future<T> = FutureInterface<T>;
export const Future: typeof FutureClass = FutureClass;

export type Task<T> = TaskInterface<T>;
export const Task: typeof TaskClass = TaskClass;

export type Coroutine<T> = CoroutineInterface<T>;
export const Coroutine: typeof CoroutineClass = CoroutineClass;
