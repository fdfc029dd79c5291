/** Work in other threads. */
export { BrokenExecutorError } from './broken-executor-error.ts';
export { moduleFunction } from './module-function.ts';
export type { ThreadJob } from './thread-job.ts';
export { ThreadPoolExecutor, type ThreadPoolExecutorOptions } from './thread-pool-executor.ts';
export { toThread } from './to-thread.ts';
