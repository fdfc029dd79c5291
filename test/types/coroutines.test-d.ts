/** What the coroutines' types must infer; checked by the compiler alone. */
import { expectTypeOf } from 'expect-type';
import {
  type Awaitable,
  allTasks,
  type Coroutine,
  coroutine,
  createTask,
  currentTask,
  ensureFuture,
  Future,
  gather,
  getRunningLoop,
  isFuture,
  type OpenCancelScope,
  type OpenTaskGroup,
  type OpenTimeout,
  openCancelScope,
  openTaskGroup,
  openTimeout,
  openTimeoutAt,
  run,
  type Suspension,
  sleep,
  type Task,
  type TaskGroup,
  type Timeout,
  task,
  taskGroup,
  timeout,
  timeoutAt,
  type Waitable,
  wait,
  wrapFuture,
} from 'tulipa';

interface Reply {
  readonly status: number;
}

declare const reply: Future<Reply>;
declare const promise: Promise<string>;

const fetchReply = coroutine(function* (url: string, retries?: number) {
  yield;
  const { status } = yield* reply;
  return { url, status: status + (retries ?? 0) };
});

const identity = coroutine(function* <T>(value: T) {
  yield;
  return value;
});

// coroutine()
expectTypeOf(fetchReply).parameters.toEqualTypeOf<[url: string, retries?: number | undefined]>();
expectTypeOf(fetchReply('')).toExtend<Coroutine<{ url: string; status: number }>>();
expectTypeOf(identity(5)).toExtend<Coroutine<number>>();
expectTypeOf(fetchReply('').name).toEqualTypeOf<string>();
// @ts-expect-error: the argument is missing
fetchReply();
// @ts-expect-error: an async function is no coroutine's body
coroutine(async () => 5);

class Counter {
  n = 0;
  readonly add = coroutine(function* (this: Counter, by: number) {
    yield;
    this.n += by;
    return this.n;
  });
}
expectTypeOf(new Counter().add(1)).toExtend<Coroutine<number>>();
const { add } = new Counter();
// @ts-expect-error: it needs its counter
add(1);

// task()
const decorated = task(function* (url: string) {
  return yield* fetchReply(url);
});
expectTypeOf(decorated).parameters.toEqualTypeOf<[url: string]>();
expectTypeOf(decorated('')).toExtend<Task<{ url: string; status: number }>>();

// yield* and await
export function* waitsInGenerator(): Generator<Suspension, void, unknown> {
  expectTypeOf(yield* reply).toEqualTypeOf<Reply>();
  expectTypeOf(yield* fetchReply('')).toEqualTypeOf<{ url: string; status: number }>();
  expectTypeOf(yield* sleep(1)).toEqualTypeOf<void>();
  expectTypeOf(yield* sleep(1, 'result')).toEqualTypeOf<string>();
  expectTypeOf(yield* wrapFuture(promise)).toEqualTypeOf<string>();
  expectTypeOf(yield* createTask(fetchReply(''))).toEqualTypeOf<{ url: string; status: number }>();
  expectTypeOf(yield* timeout(1, () => reply)).toEqualTypeOf<Reply>();
  expectTypeOf(yield* gather([reply, promise])).toEqualTypeOf<[Reply, string]>();
  // @ts-expect-error: a promise is wrapped first
  yield* promise;
}

export async function waitsInAsyncFunction(): Promise<void> {
  expectTypeOf(await reply).toEqualTypeOf<Reply>();
  expectTypeOf(await fetchReply('')).toEqualTypeOf<{ url: string; status: number }>();
  expectTypeOf(await sleep(1)).toEqualTypeOf<void>();
  expectTypeOf(await sleep(1, 'result')).toEqualTypeOf<string>();
  expectTypeOf(await wrapFuture(promise)).toEqualTypeOf<string>();
  expectTypeOf(await createTask(fetchReply(''))).toEqualTypeOf<{ url: string; status: number }>();
  expectTypeOf(await timeout(1, async () => await reply)).toEqualTypeOf<Reply>();
  expectTypeOf(await Promise.all([reply, fetchReply(''), promise])).toEqualTypeOf<
    [Reply, { url: string; status: number }, string]
  >();
}

// createTask() of each kind of source
expectTypeOf(createTask(fetchReply(''))).toExtend<Task<{ url: string; status: number }>>();
expectTypeOf(createTask(() => fetchReply(''))).toExtend<Task<{ url: string; status: number }>>();
expectTypeOf(createTask(async () => 5)).toExtend<Task<number>>();
expectTypeOf(createTask(async () => await reply)).toExtend<Task<Reply>>();
expectTypeOf(
  createTask(function* () {
    return yield* reply;
  }),
).toExtend<Task<Reply>>();
expectTypeOf(createTask(waitsInGenerator())).toExtend<Task<void>>();
expectTypeOf(createTask(() => promise)).toExtend<Task<string>>();
expectTypeOf(createTask(() => reply)).toExtend<Task<Reply>>();
expectTypeOf(getRunningLoop().createTask(async () => 5)).toEqualTypeOf<Task<number>>();
// @ts-expect-error: a promise is what an async function gave that was called
createTask(promise);
// @ts-expect-error: nothing to wait for
createTask(() => 5);

// futures
expectTypeOf(new Future<number>().result()).toEqualTypeOf<number>();
expectTypeOf(getRunningLoop().createFuture<number>().result()).toEqualTypeOf<number>();
expectTypeOf(ensureFuture(promise)).toExtend<Future<string>>();
expectTypeOf(ensureFuture(fetchReply('')).result()).toEqualTypeOf<{ url: string; status: number }>();
expectTypeOf(wrapFuture(reply).result()).toEqualTypeOf<Reply>();
expectTypeOf(new Future<number>().then((n) => String(n)).result()).toEqualTypeOf<string>();
expectTypeOf(new Future<number>().then((n) => Promise.resolve(String(n))).result()).toEqualTypeOf<string>();
expectTypeOf(new Future<number>().catch(() => 'caught').result()).toEqualTypeOf<number | string>();
expectTypeOf(new Future<number>().finally(() => {}).result()).toEqualTypeOf<number>();
expectTypeOf(reply).toExtend<Waitable<Reply>>();
expectTypeOf(reply).toExtend<Awaitable<Reply>>();
expectTypeOf(currentTask()).toExtend<Task<unknown> | null>();
expectTypeOf(allTasks()).toExtend<Set<Task<unknown>>>();
declare const something: unknown;
if (isFuture(something)) expectTypeOf(something).toExtend<Future<unknown>>();

// gather()
expectTypeOf(gather([]).result()).toEqualTypeOf<[]>();
expectTypeOf(gather([reply, fetchReply(''), promise]).result()).toEqualTypeOf<
  [Reply, { url: string; status: number }, string]
>();
declare const several: Coroutine<number>[];
expectTypeOf(gather(several).result()).toEqualTypeOf<number[]>();
expectTypeOf(gather([reply, promise], { returnExceptions: true }).result()).toEqualTypeOf<
  [Reply | Error, string | Error]
>();
expectTypeOf(gather([reply], { returnExceptions: false }).result()).toEqualTypeOf<[Reply]>();
// @ts-expect-error: not something to wait for
gather([5]);

// wait()
const tasks = [createTask(async () => 5), createTask(async () => 6)];
expectTypeOf(wait(tasks)).toExtend<Coroutine<{ done: Set<Task<number>>; pending: Set<Task<number>> }>>();
expectTypeOf(wait(new Set([reply]), { timeout: 1, returnWhen: 'firstCompleted' })).toExtend<
  Coroutine<{ done: Set<Future<Reply>> }>
>();
// @ts-expect-error: coroutines must be made tasks first
wait([fetchReply('')]);
// @ts-expect-error: no such mode
wait([reply], { returnWhen: 'never' });

// timeout()
expectTypeOf(timeout(1, async () => 5)).toExtend<Coroutine<number>>();
expectTypeOf(timeoutAt(null, async () => 5)).toExtend<Coroutine<number>>();
expectTypeOf(
  timeout(1, function* (scope) {
    expectTypeOf(scope).toEqualTypeOf<Timeout>();
    scope.reschedule(null);
    return yield* reply;
  }),
).toExtend<Coroutine<Reply>>();
expectTypeOf(timeout(1, () => fetchReply(''))).toExtend<Coroutine<{ url: string; status: number }>>();
// @ts-expect-error: null says that there is none
timeout(undefined, async () => 5);

// taskGroup()
expectTypeOf(
  taskGroup(async (group) => {
    expectTypeOf(group).toEqualTypeOf<TaskGroup>();
    expectTypeOf(group.createTask(fetchReply(''))).toExtend<Task<{ url: string; status: number }>>();
    expectTypeOf(group.createTask(async () => 5)).toExtend<Task<number>>();
    return 'result';
  }),
).toExtend<Coroutine<string | undefined>>();
expectTypeOf(
  taskGroup(function* (group) {
    return yield* group.createTask(fetchReply(''));
  }),
).toExtend<Coroutine<{ url: string; status: number } | undefined>>();

// run()
expectTypeOf(run(async () => 5)).toEqualTypeOf<Promise<number>>();
expectTypeOf(run(fetchReply(''))).toEqualTypeOf<Promise<{ url: string; status: number }>>();
expectTypeOf(run(waitsInGenerator)).toEqualTypeOf<Promise<void>>();
expectTypeOf(run(reply)).toEqualTypeOf<Promise<Reply>>();

// group.start()
expectTypeOf((group: TaskGroup) =>
  group.start(function* (ready: (port: number) => void) {
    yield;
    ready(80);
  }),
).returns.toEqualTypeOf<Future<number>>();
expectTypeOf((group: TaskGroup) =>
  group.start(async (ready) => {
    ready();
  }),
).returns.toEqualTypeOf<Future<void>>();
export const startWrongly = (group: TaskGroup) =>
  // @ts-expect-error: ready with something else
  group.start<number>(async (ready) => ready('80'));

// scopes by `using`
expectTypeOf(openTimeout(1)).toEqualTypeOf<OpenTimeout>();
expectTypeOf(openTimeoutAt(null)).toExtend<Timeout & Disposable>();
expectTypeOf(openCancelScope({ shield: true })).toEqualTypeOf<OpenCancelScope>();
expectTypeOf<OpenCancelScope>().toExtend<Disposable>();
expectTypeOf(openTaskGroup()).toEqualTypeOf<OpenTaskGroup>();
expectTypeOf<OpenTaskGroup>().toExtend<TaskGroup & AsyncDisposable>();
// @ts-expect-error: the end of a group must be waited for
expectTypeOf<OpenTaskGroup>().toExtend<Disposable>();
