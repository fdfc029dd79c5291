/** Seeing what happens: who awaits whom, what is slow, blocked, forgotten or left open, in this process and in others. */
export { AskProcessError, type AskProcessOptions, askProcess, type ProcessAnswers } from './ask-process.ts';
export {
  type CallGraph,
  type CallGraphOptions,
  captureCallGraph,
  formatCallGraph,
  printCallGraph,
} from './call-graph.ts';
export type { DebugRequest } from './debug-connection.ts';
export { type DebugSocket, type DebugSocketOptions, serveDebug } from './debug-socket.ts';
export {
  type PastLoopEntry,
  type PastLoopMeter,
  type PastLoopOptions,
  type PastLoopReport,
  watchPastLoop,
} from './past-loop.ts';
export {
  type AwaiterRow,
  type LoopSnapshot,
  type SnapshotOptions,
  type TaskRow,
  takeSnapshot,
} from './snapshot.ts';
export type { StackFrame } from './stack.ts';
export { formatSnapshotHead, formatTaskTable } from './task-table.ts';
export { AwaitCycleError, TaskTree, type TaskTreeNode, taskTree } from './task-tree.ts';
export { startTrace, type Trace, type TraceEvent, type TraceFile, type TraceOptions } from './trace.ts';
export { startWatchdog, type Watchdog, type WatchdogOptions } from './watchdog.ts';
export { formatWhyRunning, type WhyRunning, whyRunning } from './why-running.ts';
