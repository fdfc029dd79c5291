import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { beforeEach, describe, it } from 'node:test';
import type { SimulatedSignals } from '../../../src/drivers/simulation/index.ts';
import { type Signal, StateError } from '../../../src/interface/index.ts';
import { type TurnedHost, TurnedWorld } from './turned-hosts.ts';

const never = () => assert.fail('told');

describe('simulated signals', () => {
  let host: TurnedHost;
  let signals: SimulatedSignals;
  /** what became of the program, and what its callbacks were told */
  let seen: string[];

  beforeEach(() => {
    host = new TurnedWorld().host('server');
    signals = host.driver.signals as SimulatedSignals;
    seen = [];
    signals.attend({
      terminated: (signal) => void seen.push(`ended by ${signal}`),
      stopped: (signal) => void seen.push(`stopped by ${signal}`),
      continued: () => void seen.push('goes on'),
    });
  });

  const watch = (signal: Signal, note = (caught: Signal) => void seen.push(caught)) =>
    signals.watch(signal, note);

  it('are those of Linux', () => {
    if (process.platform === 'linux')
      for (const signal of Object.keys(constants.signals))
        assert.ok(signals.exists(signal as Signal), signal);
    assert.equal(signals.exists('SIGNONE'), false);
    assert.throws(
      () => signals.deliver('SIGNONE'),
      /^RangeError: Cannot send SIGNONE: there is no such signal$/,
    );
  });

  it('are told to those who watch, by the loop and not from inside the call', () => {
    watch('SIGTERM');
    watch('SIGTERM');
    watch('SIGHUP');
    signals.deliver('SIGTERM');
    signals.raise('SIGHUP');
    assert.deepEqual(seen, []);
    host.turn();
    assert.deepEqual(seen, ['SIGTERM', 'SIGTERM', 'SIGHUP']);
    signals.deliver('SIGTERM');
    host.turn();
    assert.equal(seen.length, 5);
    assert.equal(signals.watchedElsewhere('SIGTERM'), false);
  });

  it('that are on their way already are not so twice', () => {
    watch('SIGUSR1');
    signals.deliver('SIGUSR1');
    signals.deliver('SIGUSR1');
    host.turn();
    assert.deepEqual(seen, ['SIGUSR1']);
  });

  it('given up are not heard of, also if they are on their way', () => {
    const given = watch('SIGUSR1', never);
    watch('SIGUSR1');
    signals.deliver('SIGUSR1');
    given.cancel();
    given.cancel();
    host.turn();
    assert.deepEqual(seen, ['SIGUSR1']);
    const last = watch('SIGUSR2', never);
    signals.deliver('SIGUSR2');
    last.cancel();
    host.turn();
    assert.deepEqual(seen, ['SIGUSR1'], 'it was handled when it came');
  });

  it('given up by one of those who are called are not heard of by the next', () => {
    const both = [0, 1].map((index) =>
      watch('SIGUSR1', () => {
        seen.push(String(index));
        both[1 - index]?.cancel();
      }),
    );
    signals.deliver('SIGUSR1');
    host.turn();
    assert.deepEqual(seen, ['0']);
  });

  it('that nobody watches end the program, or do nothing', () => {
    const ending: Signal[] = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGALRM', 'SIGKILL'];
    for (const signal of ending) signals.deliver(signal);
    assert.deepEqual(
      seen.splice(0),
      ending.map((signal) => `ended by ${signal}`),
    );
    for (const signal of ['SIGCHLD', 'SIGURG', 'SIGWINCH', 'SIGPIPE', 'SIGCONT'] as const)
      signals.deliver(signal);
    host.turn();
    assert.deepEqual(seen, []);
  });

  it('have their default action again when nobody watches any more', () => {
    watch('SIGTERM', never).cancel();
    signals.deliver('SIGTERM');
    assert.deepEqual(seen, ['ended by SIGTERM']);
  });

  it('stop the program until SIGCONT comes, and take effect then', () => {
    watch('SIGHUP');
    watch('SIGCONT');
    signals.deliver('SIGTSTP');
    assert.deepEqual(seen.splice(0), ['stopped by SIGTSTP']);
    for (const signal of ['SIGTERM', 'SIGHUP', 'SIGSTOP', 'SIGCHLD', 'SIGTERM'] as const)
      signals.deliver(signal);
    assert.deepEqual(seen, [], 'a stopped program takes none');
    signals.deliver('SIGCONT');
    assert.deepEqual(seen.splice(0), ['goes on', 'ended by SIGTERM']);
    host.turn();
    assert.deepEqual(seen.splice(0), ['SIGHUP', 'SIGCONT']);
    signals.deliver('SIGSTOP');
    signals.deliver('SIGKILL');
    assert.deepEqual(seen, ['stopped by SIGSTOP', 'ended by SIGKILL']);
  });

  it('that would stop it can be handled, but not SIGSTOP and SIGKILL', () => {
    watch('SIGTSTP');
    signals.deliver('SIGTSTP');
    host.turn();
    assert.deepEqual(seen, ['SIGTSTP']);
    for (const signal of ['SIGKILL', 'SIGSTOP'] as const) {
      assert.throws(
        () => watch(signal, never),
        (error) =>
          error instanceof StateError &&
          error.code === 'ERR_SIGNAL' &&
          error.message === `Cannot handle ${signal}: it cannot be caught`,
      );
    }
  });

  it('are refused where nobody runs the program, unless they are handled or ignored', () => {
    const { signals } = new TurnedWorld().host('alone').driver;
    signals?.deliver('SIGCHLD');
    signals?.watch('SIGTERM', () => {});
    signals?.deliver('SIGTERM');
    for (const signal of ['SIGINT', 'SIGKILL', 'SIGSTOP'] as const)
      assert.throws(() => signals?.raise(signal), StateError);
  });

  it('have no effect on a program that has ended', () => {
    watch('SIGTERM', never);
    signals.deliver('SIGTERM');
    host.driver.close();
    host.turn();
    for (const signal of ['SIGTERM', 'SIGKILL', 'SIGSTOP', 'SIGCONT'] as const) signals.deliver(signal);
    assert.deepEqual(seen, []);
  });
});
