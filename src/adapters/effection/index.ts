/** Effection 4: operations in coroutines, what waits here as operations, and its sleep on our loop. */
export { type OperationFromOptions, operationFrom } from './operation-from.ts';
export { perform } from './perform.ts';
export { sleep } from './sleep.ts';
