import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { EventLoop } from '../../src/interface/index.ts';
import { GuestRunner, type Host, Scheduler } from '../../src/loop/index.ts';
import { StubDriver, StubOwner } from './stub-driver.ts';

/** As much of a host as a driver with a descriptor of its own needs; notes what it is told of that. */
class WatchingHost implements Host {
  readonly prefersBlocking = false;
  readonly drainMicrotasks = null;
  readonly said: string[] = [];
  #immediate: (() => void) | null = null;
  #callbacks = new Map<number, () => void>();

  setImmediate(callback: () => void): unknown {
    this.#immediate = callback;
    return callback;
  }

  clearImmediate(): void {
    this.#immediate = null;
  }

  setAlarm(): unknown {
    return {};
  }

  clearAlarm(): void {}
  refAlarm(): void {}

  drainsHere(): boolean {
    return true;
  }

  watchDescriptor(
    descriptor: number,
    callback: () => void,
  ): NonNullable<ReturnType<Host['watchDescriptor']>> {
    this.said.push(`watch ${descriptor}`);
    this.#callbacks.set(descriptor, callback);
    return {
      ref: () => void this.said.push(`ref ${descriptor}`),
      unref: () => void this.said.push(`unref ${descriptor}`),
      close: () => {
        this.said.push(`close ${descriptor}`);
        this.#callbacks.delete(descriptor);
      },
    };
  }

  /** The descriptor has become readable. */
  wake(descriptor: number): void {
    this.#callbacks.get(descriptor)?.();
    const immediate = this.#immediate;
    this.#immediate = null;
    immediate?.();
  }

  heard(): string[] {
    return this.said.splice(0);
  }
}

class DescriptorDriver extends StubDriver {
  override pollDescriptor: number | null = 5;
  override refs = 1;
  onWait: () => void = () => {};

  override wait(): void {
    this.onWait();
  }
}

describe('GuestRunner and the descriptor of its driver', () => {
  it('watches another one in place of the one before, in the middle of a wait too', () => {
    const host = new WatchingHost();
    const driver = new DescriptorDriver();
    const scheduler = new Scheduler(driver, new StubOwner(), () => {});
    const runner = new GuestRunner(scheduler, driver, { isClosed: () => false } as EventLoop, host);
    runner.start();
    assert.deepEqual(host.heard(), ['watch 5']);
    driver.onWait = () => {
      driver.onWait = () => {};
      driver.pollDescriptor = 6;
      scheduler.pollDescriptorChanged();
      assert.deepEqual(host.heard(), ['close 5', 'watch 6'], 'the driver closes it right after');
    };
    host.wake(5);
    driver.refs = 0;
    scheduler.refsChanged();
    assert.deepEqual(host.heard(), ['unref 6']);
    driver.pollDescriptor = 7;
    scheduler.pollDescriptorChanged();
    assert.deepEqual(host.heard(), ['close 6', 'watch 7', 'unref 7']);
    let waits = 0;
    driver.onWait = () => {
      waits++;
    };
    host.wake(7);
    assert.equal(waits, 1);
    runner.stop(() => {});
    assert.deepEqual(host.heard(), ['close 7']);
    driver.pollDescriptor = 8;
    scheduler.pollDescriptorChanged();
    runner.pollDescriptorChanged();
    assert.deepEqual(host.heard(), [], 'nobody is a guest any more');
  });
});
