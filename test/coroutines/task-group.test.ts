import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  createTask,
  currentTask,
  Future,
  sleep,
  type Task,
  TaskGroup,
  taskGroup,
} from '../../src/coroutines/index.ts';
import { CancelledError, GroupError, InterruptedError, StateError } from '../../src/interface/index.ts';
import { getRunningLoop } from '../../src/loop/index.ts';
import { run } from '../../src/runtime/index.ts';
import { collectGarbage } from '../support/collect-garbage.ts';
import {
  both,
  fails,
  inLoop,
  inTask,
  returns,
  type Script,
  type Spelled,
  settle,
  thrown,
} from './spellings.ts';

class BadWeather extends Error {}

/** A child that notes its end and, if it was cancelled, that too. */
function child(name: string, seen: string[], wait: () => Script<unknown> = forever): () => Script<void> {
  return function* () {
    try {
      yield* wait();
      seen.push(`${name} ended`);
    } catch (error) {
      seen.push(`${name} ${error instanceof CancelledError ? 'cancelled' : 'failed'}`);
      throw error;
    }
  };
}

function* forever(): Script<never> {
  return (yield new Future<never>()) as never;
}

function* groupError(step: Parameters<typeof thrown>[0]): Script<GroupError> {
  const error = yield* thrown(step);
  assert.ok(error instanceof GroupError, String(error));
  return error;
}

describe('taskGroup', () => {
  both('waits for all children and gives what the body returns (B-TG-001)', function* (spelled) {
    const seen: string[] = [];
    const result = yield spelled.group(function* (group) {
      group.createTask(spelled.source(child('slow', seen, () => slept(2))));
      group.createTask(spelled.source(child('fast', seen, () => slept(1))));
      yield;
      seen.push('body ended');
      return 'result';
    });
    assert.equal(result, 'result');
    assert.deepEqual(seen, ['body ended', 'fast ended', 'slow ended']);
  });

  both('of no children ends with the body', function* (spelled) {
    assert.equal(yield spelled.group(returns('result')), 'result');
  });

  both('gives the tasks, whose results can be had (B-TG-001)', function* (spelled) {
    const tasks = (yield spelled.group(function* (group) {
      const first = group.createTask(spelled.source(returns(1)), { name: 'first' });
      assert.equal(first.getName(), 'first');
      assert.deepEqual([...group.tasks], [first]);
      yield first;
      assert.deepEqual([...group.tasks], []);
      return [first, group.createTask(spelled.source(returns(2)))];
    })) as Task<number>[];
    assert.deepEqual(
      tasks.map((task) => task.result()),
      [1, 2],
    );
  });

  both(
    'waits for children that are added late, by the body and by children (B-TG-001, B-TG-002)',
    function* (spelled) {
      const seen: string[] = [];
      yield spelled.group(function* (group) {
        const first = group.createTask(spelled.source(returns(1)));
        yield first;
        group.createTask(
          spelled.source(function* () {
            yield sleep(1);
            // The body has ended by now: the group is waiting for this child.
            group.createTask(
              spelled.source(function* () {
                yield sleep(1);
                group.createTask(spelled.source(child('grandchild', seen, () => slept(1))));
                seen.push('child ended');
              }),
            );
          }),
        );
      });
      assert.deepEqual(seen, ['child ended', 'grandchild ended']);
    },
  );

  both('does not mind the cancellation of one child (B-TG-003)', function* (spelled) {
    const seen: string[] = [];
    const result = yield spelled.group(function* (group) {
      const one = group.createTask(spelled.source(child('one', seen)));
      group.createTask(spelled.source(child('other', seen, () => slept(1))));
      yield* settle();
      one.cancel();
      yield* thrown(one);
      return 'result';
    });
    assert.equal(result, 'result');
    assert.deepEqual(seen, ['one cancelled', 'other ended']);
  });

  both('whose child fails cancels the others and the body (B-TG-004)', function* (spelled) {
    const seen: string[] = [];
    const failure = new BadWeather('hail');
    const error = yield* groupError(
      spelled.group(function* (group) {
        group.createTask(spelled.source(child('other', seen)));
        group.createTask(
          spelled.source(function* () {
            yield;
            throw failure;
          }),
        );
        try {
          yield* forever();
        } catch (caught) {
          assert.ok(caught instanceof CancelledError);
          assert.equal(caught.scope, group);
          assert.equal(caught.reason, failure);
          seen.push('body cancelled');
          throw caught;
        }
      }),
    );
    assert.deepEqual(error.errors, [failure]);
    assert.equal(error.cause, failure);
    assert.equal(error.message, '1 of a task group failed: hail');
    assert.deepEqual(seen.sort(), ['body cancelled', 'other cancelled']);
    assert.equal((currentTask() as Task<unknown>).cancelling(), 0);
  });

  both('whose child fails after the body has ended cancels the others (B-TG-004)', function* (spelled) {
    const seen: string[] = [];
    const error = yield* groupError(
      spelled.group(function* (group) {
        group.createTask(spelled.source(child('other', seen)));
        group.createTask(
          spelled.source(function* () {
            yield sleep(1);
            throw new BadWeather();
          }),
        );
        yield;
      }),
    );
    assert.equal(error.errors.length, 1);
    assert.deepEqual(seen, ['other cancelled']);
  });

  both('whose body fails cancels the children, and has all errors (B-TG-006)', function* (spelled) {
    const failures = [new BadWeather('body'), new BadWeather('child')] as const;
    const error = yield* groupError(
      spelled.group(function* (group) {
        group.createTask(
          spelled.source(function* () {
            yield* thrown(new Future<void>());
            throw failures[1];
          }),
        );
        yield* settle();
        throw failures[0];
      }),
    );
    assert.deepEqual(error.errors, failures);
    assert.equal(error.message, '2 of a task group failed: body');
  });

  both(
    'cancelled from outside cancels the children, waits, and is cancelled (B-TG-007)',
    function* (spelled) {
      for (const where of ['in the body', 'at the end']) {
        const seen: string[] = [];
        const task = yield* spelled.started(function* () {
          yield spelled.group(function* (group) {
            group.createTask(
              spelled.source(function* () {
                try {
                  yield* forever();
                } finally {
                  yield sleep(1);
                  seen.push('cleaned up');
                }
              }),
            );
            if (where === 'in the body') yield* forever();
          });
        });
        task.cancel('outside');
        const error = (yield* thrown(task)) as CancelledError;
        assert.ok(error instanceof CancelledError);
        assert.equal(error.reason, 'outside');
        assert.deepEqual(seen, ['cleaned up'], where);
      }
    },
  );

  both('cancelled from outside while a child fails has its error (B-TG-008)', function* (spelled) {
    const task = yield* spelled.started(function* () {
      yield spelled.group(function* (group) {
        group.createTask(
          spelled.source(function* () {
            yield* thrown(new Future<void>());
            throw new BadWeather();
          }),
        );
        yield* forever();
      });
    });
    task.cancel('outside');
    const error = yield* groupError(task);
    assert.ok(error.errors[0] instanceof BadWeather);
  });

  both('whose body swallows its cancellation still has all errors (B-TG-009)', function* (spelled) {
    const seen: string[] = [];
    const error = yield* groupError(
      spelled.group(function* (group) {
        group.createTask(spelled.source(child('other', seen)));
        group.createTask(spelled.source(fails(new BadWeather())));
        yield* thrown(new Future<void>());
        yield sleep(1);
        seen.push('body went on');
        return 'as if nothing had been';
      }),
    );
    assert.equal(error.errors.length, 1);
    assert.deepEqual(seen, ['other cancelled', 'body went on']);
  });

  both('wraps errors of every kind, an interruption too (B-TG-011, B-TG-012, differ)', function* (spelled) {
    for (const value of [new InterruptedError('SIGINT'), 'text', null, undefined]) {
      const error = yield* groupError(
        spelled.group(function* (group) {
          group.createTask(spelled.source(fails(value)));
          yield* forever();
        }),
      );
      assert.deepEqual(error.errors, [value]);
    }
  });

  both('inside another hands its errors on nested (B-TG-013)', function* (spelled) {
    const failure = new BadWeather();
    const error = yield* groupError(
      spelled.group(function* () {
        yield spelled.group(function* (inner) {
          inner.createTask(spelled.source(fails(failure)));
          yield* forever();
        });
      }),
    );
    assert.equal(error.errors.length, 1);
    assert.ok(error.errors[0] instanceof GroupError);
    assert.deepEqual(error.errors[0].errors, [failure]);
  });

  both('inside another that fails is cancelled and adds nothing (B-TG-013)', function* (spelled) {
    const failure = new BadWeather();
    const seen: string[] = [];
    const error = yield* groupError(
      spelled.group(function* (outer) {
        outer.createTask(
          spelled.source(function* () {
            yield sleep(1);
            throw failure;
          }),
        );
        yield spelled.group(function* (inner) {
          inner.createTask(spelled.source(child('grandchild', seen)));
          yield* forever();
        });
      }),
    );
    assert.deepEqual(error.errors, [failure]);
    assert.deepEqual(seen, ['grandchild cancelled']);
  });

  both('inside another, both failing in one turn, throws its own (B-TG-014)', function* (spelled) {
    const [ofOuter, ofInner] = [new BadWeather('outer'), new BadWeather('inner')];
    const gate = new Future<void>();
    const failing = (failure: Error) =>
      spelled.source(function* () {
        yield gate;
        throw failure;
      });
    const task = spelled.task(function* () {
      const self = currentTask() as Task<unknown>;
      const error = yield* groupError(
        spelled.group(function* (outer) {
          outer.createTask(failing(ofOuter));
          const inner = yield* groupError(
            spelled.group(function* (group) {
              group.createTask(failing(ofInner));
              yield* settle();
              gate.setResult();
              yield* forever();
            }),
          );
          assert.deepEqual(inner.errors, [ofInner]);
          throw inner;
        }),
      );
      const inner = error.errors.find((one) => one instanceof GroupError);
      assert.deepEqual((inner as GroupError | undefined)?.errors, [ofInner]);
      assert.equal(error.errors.includes(ofOuter), true);
      assert.equal(self.cancelling(), 0);
      yield sleep(0);
      return 'went on';
    });
    assert.equal(yield task, 'went on');
  });

  both('that fails keeps a cancellation from outside for the next wait (B-TG-016)', function* (spelled) {
    for (const where of ['in the body', 'at the end']) {
      const seen: unknown[] = [];
      const task = yield* spelled.started(function* () {
        const self = currentTask() as Task<unknown>;
        yield* groupError(
          spelled.group(function* (group) {
            group.createTask(
              spelled.source(function* () {
                yield* thrown(new Future<void>());
                throw new BadWeather();
              }),
            );
            if (where === 'in the body') yield* forever();
          }),
        );
        seen.push(self.cancelling());
        seen.push(((yield* thrown(new Future<void>())) as CancelledError).reason);
        yield sleep(0);
        return 'went on';
      });
      task.cancel('outside');
      assert.equal(yield task, 'went on');
      assert.deepEqual(seen, [1, 'outside'], where);
    }
  });

  both('that is failing when the cancellation comes keeps that too (B-TG-016)', function* (spelled) {
    const gate = new Future<void>();
    const seen: unknown[] = [];
    const task = yield* spelled.started(function* () {
      yield* groupError(
        spelled.group(function* (group) {
          group.createTask(
            spelled.source(function* () {
              yield gate;
              throw new BadWeather();
            }),
          );
          yield* forever();
        }),
      );
      seen.push(((yield* thrown(new Future<void>())) as CancelledError).reason);
    });
    gate.setResult();
    yield;
    yield;
    task.cancel('outside');
    yield task;
    assert.deepEqual(seen, ['outside']);
  });

  both('takes no more children once it is over, and closes what it is given (B-TG-017)', function* (spelled) {
    const groups: TaskGroup[] = [];
    yield spelled.group(function* (group) {
      groups.push(group);
      yield;
    });
    yield* groupError(
      spelled.group(function* (group) {
        groups.push(group);
        group.createTask(spelled.source(fails(new BadWeather())));
        yield* thrown(new Future<void>());
        const refused = sleep(0);
        assert.throws(() => group.createTask(refused), {
          message: 'Cannot create a task in the group: it is shutting down',
        });
        assert.match(String(refused), / taken>$/);
      }),
    );
    for (const group of groups) {
      const refused = sleep(0);
      assert.throws(() => group.createTask(refused), {
        code: 'ERR_SCOPE_STATE',
        message: 'Cannot create a task in the group: it is finished',
      });
      assert.match(String(refused), / taken>$/);
    }
    const refused = sleep(0);
    assert.throws(() => new TaskGroup().createTask(refused), {
      message: 'Cannot create a task in the group: it has not been entered',
    });
    assert.match(String(refused), / taken>$/);
  });

  both('refuses what is no source, and goes on (B-TG-017)', function* (spelled) {
    const result = yield spelled.group(function* (group) {
      assert.throws(() => group.createTask(5 as never), TypeError);
      yield;
      return 'went on';
    });
    assert.equal(result, 'went on');
  });

  both('can be used once (B-TG-018)', function* (spelled) {
    const used = spelled.group(returns(1));
    yield used;
    assert.ok((yield* thrown(used)) instanceof StateError);
  });

  inTask('cannot be entered twice, not even one inside the other (B-TG-018)', function* () {
    const group = new TaskGroup();
    function* body(): Generator<undefined, void, unknown> {
      yield;
      const again = group.run(body);
      assert.throws(() => again.next(), {
        message: 'Cannot enter the TaskGroup: it has been entered before',
      });
    }
    yield* group.run(body);
    assert.throws(() => group.run(body).next(), StateError);
  });

  inTask('cannot be entered by a callback, and is then still new (B-TG-019)', function* () {
    const group = new TaskGroup();
    function* body(): Generator<undefined, string, unknown> {
      yield;
      return 'result';
    }
    let error: unknown;
    getRunningLoop().callSoon(() => {
      try {
        group.run(body).next();
      } catch (caught) {
        error = caught;
      }
    });
    yield;
    assert.equal((error as StateError)?.message, 'Cannot enter the TaskGroup: this is no task');
    assert.equal(yield* group.run(body), 'result');
  });

  inLoop('needs a body', () => {
    assert.throws(() => taskGroup(5 as never), TypeError);
  });

  both('whose body gives nothing to wait for fails, and cancels what it began', function* (spelled) {
    const seen: string[] = [];
    const error = yield* groupError(
      taskGroup(((group: TaskGroup) => {
        group.createTask(spelled.source(child('child', seen)));
      }) as never),
    );
    assert.match(String(error.errors[0]), /^TypeError: Cannot run the body/);
    assert.deepEqual(seen, ['child cancelled']);
  });

  both('drops a child as soon as it is done (B-TG-021)', function* (spelled) {
    yield spelled.group(function* (group) {
      for (let i = 0; i < 20; i++) {
        group.createTask(spelled.source(returns(i)));
        yield* settle();
        assert.equal(group.tasks.size, 0);
      }
    });
  });

  both('cancels a child that fails a sibling while it is started itself (B-TG-022)', function* (spelled) {
    const failure = new BadWeather();
    const seen: string[] = [];
    const error = yield* groupError(
      spelled.group(function* (group) {
        group.createTask(
          spelled.source(function* () {
            group.createTask(spelled.source(fails(failure)), { eagerStart: true });
            yield* child('the starter', seen)();
          }),
          { eagerStart: true },
        );
        yield* forever();
      }),
    );
    // What an async function throws at once is known a microtask later: it had begun to wait by then.
    assert.deepEqual(error.errors, [failure]);
    assert.deepEqual(seen, ['the starter cancelled']);
  });

  both(
    'stops an endless chain of children that start each other, by one that fails (B-TG-023)',
    function* (spelled) {
      let links = 0;
      const error = yield* groupError(
        spelled.group(function* (group) {
          const link = (): Script<void> =>
            (function* () {
              links++;
              yield sleep(0);
              group.createTask(spelled.source(link));
            })();
          group.createTask(spelled.source(link));
          group.createTask(
            spelled.source(function* () {
              yield* settle();
              throw new BadWeather();
            }),
          );
        }),
      );
      assert.ok(error.errors[0] instanceof BadWeather);
      assert.ok(links > 1);
    },
  );

  both('is cancelled by itself without an error (group.cancel)', function* (spelled) {
    const seen: string[] = [];
    const result = yield spelled.group(function* (group) {
      group.createTask(spelled.source(child('child', seen)));
      yield* settle();
      group.cancel('no more needed');
      const error = yield* thrown(new Future<void>());
      assert.equal((error as CancelledError).reason, 'no more needed');
      throw error;
    });
    assert.equal(result, undefined);
    assert.deepEqual(seen, ['child cancelled']);
  });

  both('is cancelled once, however often it is asked (group.cancel)', function* (spelled) {
    const result = yield spelled.group(function* (group) {
      yield* settle();
      group.cancel('one');
      assert.equal(((yield* thrown(new Future<void>())) as CancelledError).reason, 'one');
      group.cancel('two');
      yield sleep(0);
      return 'went on';
    });
    assert.equal(result, 'went on');
  });

  both('is cancelled by a child, also after its body has ended (group.cancel)', function* (spelled) {
    const seen: string[] = [];
    const result = yield spelled.group(function* (group) {
      group.createTask(spelled.source(child('other', seen)));
      group.createTask(
        spelled.source(function* () {
          yield sleep(1);
          group.cancel();
          yield* child('the canceller', seen)();
        }),
      );
      yield;
      return 'result of the body';
    });
    assert.equal(result, 'result of the body');
    assert.deepEqual(seen, ['other cancelled', 'the canceller cancelled']);
  });

  both('keeps the stronger of two cancellations that come while it ends', function* (spelled) {
    // First the whole task, then a timeout around the group: that one must not win.
    const end = new Future<void>();
    const scopes: { reschedule(when: number): void }[] = [];
    const task = yield* spelled.started(function* () {
      yield spelled.timeout(60_000, function* (scope) {
        scopes.push(scope);
        yield spelled.group(function* (group) {
          group.createTask(
            spelled.source(function* () {
              yield* thrown(new Future<void>());
              yield end;
            }),
          );
          yield;
        });
      });
    });
    task.cancel('outside');
    yield* settle();
    scopes[0]?.reschedule(getRunningLoop().time());
    yield* settle();
    assert.equal(task.done(), false, 'a child resists');
    end.setResult();
    const error = yield* thrown(task);
    assert.ok(error instanceof CancelledError, String(error));
    assert.equal(error.reason, 'outside');
  });

  both('mixes bodies and children of both spellings', function* (spelled) {
    const failure = new BadWeather();
    const seen: string[] = [];
    const both = (tools: Spelled) =>
      tools.group(function* (group) {
        group.createTask(tools.other.source(child(`child of ${tools.spelling.name}`, seen)));
        group.createTask(
          tools.other.source(function* () {
            yield sleep(1);
            throw failure;
          }),
        );
        yield* forever();
      });
    for (const tools of [spelled, spelled.other]) {
      assert.deepEqual((yield* groupError(both(tools))).errors, [failure]);
    }
    assert.equal(seen.length, 2);
  });
});

describe('a task group that is over', () => {
  for (const name of ['yield*', 'await'] as const) {
    it(`keeps neither its task nor its children nor their errors (B-TG-024) [${name}]`, async () => {
      const kept: TaskGroup[] = [];
      const links: WeakRef<object>[] = [];
      await run(async () => {
        await createTask(async () => {
          links.push(new WeakRef(currentTask() as object));
          try {
            await taskGroup((group) => {
              kept.push(group);
              const failure = new BadWeather();
              const child = createFailing(group, failure, name);
              links.push(new WeakRef(failure), new WeakRef(child));
              return new Future<void>();
            });
          } catch {
            // Its errors go with it.
          }
        });
        await collectGarbage();
      });
      assert.equal(kept[0]?.tasks.size, 0);
      assert.deepEqual(
        links.map((link) => link.deref()),
        [undefined, undefined, undefined],
      );
    });
  }
});

function createFailing(group: TaskGroup, failure: Error, spelling: 'yield*' | 'await'): Task<never> {
  return spelling === 'await'
    ? group.createTask(() => Promise.reject(failure))
    : group.createTask(
        // biome-ignore lint/correctness/useYield: it does not wait
        (function* () {
          throw failure;
        })(),
      );
}

function* slept(delay: number): Script<void> {
  yield sleep(delay);
}
