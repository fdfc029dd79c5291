/** redux-saga 1: what waits here in sagas, and sagas in coroutines, each cancelled by the other. */
export { forSaga } from './for-saga.ts';
export { perform, type SagaTask } from './perform.ts';
