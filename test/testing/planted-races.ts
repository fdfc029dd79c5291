import { createTask, Future } from '../../src/coroutines/index.ts';
import type { Suspension } from '../../src/interface/index.ts';
import type { Simulation } from '../../src/testing/index.ts';

type Steps = Generator<Suspension, void, unknown>;

function* nothing(turns: number): Steps {
  for (let i = 0; i < turns; i++) yield;
}

/** Others that are ready too, so that there is more to choose than matters. */
function bystanders(count: number): Future<void>[] {
  return Array.from({ length: count }, () => createTask(() => nothing(5), { name: 'bystander' }));
}

function* add(account: { total: number }, delay: number): Steps {
  yield* nothing(delay);
  const { total } = account;
  yield;
  account.total = total + 1;
}

/**
 * An update is lost if, in their second turns, the later one reads before the earlier one has written: one choice. In the
 * order in which they became ready, it does not.
 */
export function* lostUpdate(_sim: Simulation): Steps {
  const account = { total: 0 };
  const tasks = [
    createTask(() => add(account, 0), { name: 'earlier' }),
    createTask(() => add(account, 1), { name: 'later' }),
    ...bystanders(3),
  ];
  for (const task of tasks) yield* task;
  if (account.total !== 2) throw new Error(`Updates were lost: ${account.total} of 2 are left`);
}

/** It fails if an update is lost in each of two accounts: two choices. */
export function* twoLostUpdates(_sim: Simulation): Steps {
  const accounts = [{ total: 0 }, { total: 0 }];
  const tasks = accounts.flatMap((account, place) => [
    createTask(() => add(account, 2 * place), { name: `earlier ${place}` }),
    createTask(() => add(account, 2 * place + 1), { name: `later ${place}` }),
  ]);
  for (const task of [...tasks, ...bystanders(2)]) yield* task;
  if (accounts.every(({ total }) => total === 1)) throw new Error('Updates were lost in both');
}

/**
 * It looks, and only then says that it waits: if it becomes so in between, nobody wakes it. That is so if, in their second
 * turns, the other one is first: one choice.
 */
export function* lostWakeUp(_sim: Simulation): Steps {
  let ready = false;
  let waiting: Future<void> | null = null;
  const waiter = createTask(
    function* () {
      if (ready) return;
      yield;
      waiting = new Future<void>();
      yield* waiting;
    },
    { name: 'waiter' },
  );
  const waker = createTask(
    function* () {
      yield;
      ready = true;
      waiting?.setResult();
    },
    { name: 'waker' },
  );
  for (const task of [waiter, waker, ...bystanders(3)]) yield* task;
}
