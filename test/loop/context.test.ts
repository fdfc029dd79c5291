import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Token } from '../../src/index.ts';
import { type Context as ContextInterface, StateError } from '../../src/interface/index.ts';
import { Context, ContextVar, copyContext, ownContext } from '../../src/loop/index.ts';

const stateError = (code: string) => (error: unknown) => error instanceof StateError && error.code === code;

describe('ContextVar', () => {
  it('gives its value, else the fallback, else the default, else throws', () => {
    new Context().run(() => {
      const bare = new ContextVar<number>('bare');
      assert.throws(() => bare.get(), stateError('ERR_NO_CONTEXT_VALUE'));
      assert.throws(() => bare.get(), /bare/);
      assert.equal(bare.get(1), 1);
      const withDefault = new ContextVar('withDefault', { default: 2 });
      assert.equal(withDefault.get(), 2);
      assert.equal(withDefault.get(3), 3);
      withDefault.set(4);
      assert.equal(withDefault.get(3), 4);
    });
  });

  it('takes undefined for a value like any other', () => {
    new Context().run(() => {
      const variable = new ContextVar<number | undefined>('maybe', { default: 1 });
      variable.set(undefined);
      assert.equal(variable.get(), undefined);
      assert.equal(variable.get(2), undefined);
      const empty = new ContextVar<number | undefined>('empty', { default: undefined });
      assert.equal(empty.get(), undefined);
      assert.equal(new ContextVar<number | undefined>('none').get(undefined), undefined);
    });
  });

  it('is told apart from another of the same name', () => {
    new Context().run(() => {
      const one = new ContextVar<number>('same');
      const other = new ContextVar<number>('same');
      one.set(1);
      assert.equal(other.get(0), 0);
    });
  });

  it('goes back by a token to the value before, or to none', () => {
    new Context().run(() => {
      const variable = new ContextVar<string>('variable');
      const first = variable.set('first');
      const second = variable.set('second');
      assert.deepEqual([first.hadValue, first.oldValue], [false, undefined]);
      assert.deepEqual([second.hadValue, second.oldValue], [true, 'first']);
      assert.equal(second.variable, variable);
      variable.reset(second);
      assert.equal(variable.get(), 'first');
      variable.reset(first);
      assert.throws(() => variable.get(), StateError);
    });
  });

  it('refuses a token that was used, is of another variable or context, or none at all (PEP 567)', () => {
    new Context().run(() => {
      const variable = new ContextVar<number>('variable');
      const other = new ContextVar<number>('other');
      const token = variable.set(1);
      assert.throws(() => other.reset(token), RangeError);
      assert.throws(() => copyContext().run(() => variable.reset(token)), RangeError);
      assert.equal(variable.get(), 1);
      variable.reset(token);
      assert.throws(() => variable.reset(token), stateError('ERR_TOKEN_USED'));
      const forged = { variable, oldValue: 5, hadValue: true };
      assert.throws(() => variable.reset(forged as Token<number>), TypeError);
      assert.throws(() => variable.reset(null as unknown as Token<number>), TypeError);
    });
  });
});

describe('Context', () => {
  const variable = new ContextVar('variable', { default: 'default' });

  it('keeps what is set in it, and to itself', () => {
    const context = new Context();
    context.run(() => variable.set('inside'));
    assert.equal(variable.get(), 'default');
    assert.equal(context.get(variable), 'inside');
    assert.equal(
      context.run(() => variable.get()),
      'inside',
    );
  });

  it('passes arguments in, and result or error out', () => {
    const context = new Context();
    assert.equal(
      context.run((a: number, b: number) => a + b, 1, 2),
      3,
    );
    const error = new Error('of the callback');
    assert.throws(
      () =>
        context.run(() => {
          variable.set('kept');
          throw error;
        }),
      (thrown) => thrown === error,
    );
    assert.equal(context.get(variable), 'kept');
    assert.equal(variable.get(), 'default');
  });

  it('can be entered again after it was left, but not while it is entered', () => {
    const context = new Context();
    assert.throws(() => context.run(() => context.run(() => {})), stateError('ERR_CONTEXT_ENTERED'));
    assert.equal(
      context.run(() => 'again'),
      'again',
    );
    const other = new Context();
    assert.throws(() => context.run(() => other.run(() => context.run(() => {}))), StateError);
  });

  it('copies its values, not its future', () => {
    const original = new Context();
    original.run(() => variable.set('before'));
    const copy = original.copy();
    original.run(() => variable.set('changed'));
    copy.run(() => assert.equal(variable.get(), 'before'));
    copy.run(() => variable.set('of the copy'));
    assert.equal(original.get(variable), 'changed');
  });

  it('copyContext takes the current values along, also nested ones', () => {
    new Context().run(() => {
      variable.set('outer');
      const copy = copyContext();
      variable.set('later');
      copy.run(() => {
        assert.equal(variable.get(), 'outer');
        variable.set('inner');
        assert.equal(copyContext().get(variable), 'inner');
      });
      assert.equal(variable.get(), 'later');
    });
  });

  it('tells whether a variable has a value in it, a default being none', () => {
    const context = new Context();
    assert.equal(context.has(variable), false);
    assert.equal(context.get(variable), undefined);
    context.run(() => variable.set('x'));
    assert.equal(context.has(variable), true);
  });

  it('is the only kind that can be used here', () => {
    assert.throws(() => ownContext({ run() {}, copy() {} } as unknown as ContextInterface), TypeError);
    const context = new Context();
    assert.equal(ownContext(context), context);
  });
});
