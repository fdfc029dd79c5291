import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import { createTask, gather, wait } from '../../src/coroutines/index.ts';
import type { Future } from '../../src/interface/index.ts';
import {
  ChannelBroken,
  ChannelClosed,
  ChannelEnded,
  openMemoryChannel,
  WouldBlock,
} from '../../src/sync/index.ts';
import { runSimulated } from '../support/simulated.ts';
import { settle, test, testBoth } from './in-loop.ts';

type ErrorClass = new (...args: never[]) => Error;

function* expectFailure(future: Future<unknown> | undefined, kind: ErrorClass) {
  assert.ok(future);
  yield* wait([future]);
  assert.ok(future.exception() instanceof kind, String(future));
}

describe('openMemoryChannel', () => {
  it('takes a whole number of values from 0 on, or Infinity', () => {
    for (const capacity of [-1, 1.5, Number.NaN]) {
      assert.throws(() => openMemoryChannel(capacity), RangeError);
    }
    // @ts-expect-error no number
    assert.throws(() => openMemoryChannel(), TypeError);
    const { sender, receiver } = openMemoryChannel<number>(Infinity);
    for (let i = 0; i < 1000; i++) sender.sendNowait(i);
    for (let i = 0; i < 1000; i++) assert.equal(receiver.receiveNowait(), i);
  });

  testBoth('holds as many values as it may, and then waits', function* (spawn) {
    const { sender, receiver } = openMemoryChannel<number>(2);
    yield* sender.send(1);
    sender.sendNowait(2);
    assert.throws(() => sender.sendNowait(3), { name: 'WouldBlock', code: 'ERR_WOULD_BLOCK' });
    const waiting = spawn(() => sender.send(3));
    yield* settle();
    assert.equal(waiting.done(), false);
    assert.equal(yield* receiver.receive(), 1);
    yield* waiting;
    assert.deepEqual([receiver.receiveNowait(), yield* receiver.receive()], [2, 3]);
    assert.throws(() => receiver.receiveNowait(), WouldBlock);
  });

  testBoth('of capacity 0 passes values from hand to hand', function* (spawn) {
    const { sender, receiver } = openMemoryChannel<number>(0);
    assert.throws(() => sender.sendNowait(1), WouldBlock);
    const sending = spawn(() => sender.send(1));
    yield* settle();
    assert.equal(sending.done(), false);
    assert.equal(yield* receiver.receive(), 1);
    yield* sending;
    const receiving = spawn(() => receiver.receive());
    yield* settle();
    sender.sendNowait(2);
    assert.throws(() => sender.sendNowait(3), WouldBlock);
    assert.equal(yield* receiving, 2);
    const last = spawn(() => sender.send(4));
    yield* settle();
    assert.equal(receiver.receiveNowait(), 4);
    yield* last;
  });

  testBoth('serves both sides first come, first served', function* (spawn) {
    const { sender, receiver } = openMemoryChannel<number>(0);
    const sending = [1, 2, 3].map((value) => spawn(() => sender.send(value)));
    yield* settle();
    for (const expected of [1, 2, 3]) assert.equal(yield* receiver.receive(), expected);
    yield* gather(sending);
    const receiving = [1, 2, 3].map(() => spawn(() => receiver.receive()));
    yield* settle();
    for (const value of [1, 2, 3]) yield* sender.send(value);
    assert.deepEqual(yield* gather(receiving), [1, 2, 3]);
  });

  testBoth('loses no value when a receiver is cancelled, at whatever time', function* (spawn) {
    for (const capacity of [0, 1]) {
      const { sender, receiver } = openMemoryChannel<number>(capacity);
      const early = spawn(() => receiver.receive());
      const late = spawn(() => receiver.receive());
      const next = spawn(() => receiver.receive());
      yield* settle();
      early.cancel();
      sender.sendNowait(1);
      late.cancel();
      assert.equal(yield* next, 1);
      const last = spawn(() => receiver.receive());
      yield* settle();
      sender.sendNowait(2);
      last.cancel();
      yield* settle();
      assert.deepEqual(
        [early, late, last].map((task) => task.cancelled()),
        [true, true, true],
      );
      assert.equal(receiver.receiveNowait(), 2);
    }
  });

  testBoth('sends nothing for a sender that is cancelled', function* (spawn) {
    const { sender, receiver } = openMemoryChannel<number>(1);
    sender.sendNowait(0);
    const early = spawn(() => sender.send(1));
    const late = spawn(() => sender.send(2));
    const live = spawn(() => sender.send(3));
    yield* settle();
    early.cancel();
    assert.equal(receiver.receiveNowait(), 0);
    late.cancel();
    yield* settle();
    assert.deepEqual([early.cancelled(), late.cancelled(), live.done()], [true, true, true]);
    assert.equal(receiver.receiveNowait(), 3);
  });

  testBoth('ends when its last sender is closed and all has been received', function* (spawn) {
    const { sender, receiver } = openMemoryChannel<number>(2);
    const clone = sender.clone();
    sender.sendNowait(1);
    sender.close();
    sender.close();
    assert.equal(sender.isClosed(), true);
    clone.sendNowait(2);
    clone.close();
    assert.equal(yield* receiver.receive(), 1);
    assert.equal(receiver.receiveNowait(), 2);
    yield* expectFailure(
      spawn(() => receiver.receive()),
      ChannelEnded,
    );
    assert.throws(() => receiver.receiveNowait(), { name: 'ChannelEnded', code: 'ERR_CHANNEL_ENDED' });
  });

  testBoth('tells receivers that wait of its end', function* (spawn) {
    const { sender, receiver } = openMemoryChannel<number>(0);
    const clone = sender.clone();
    const waiting = spawn(() => receiver.receive());
    yield* settle();
    sender.close();
    yield* settle();
    assert.equal(waiting.done(), false);
    clone.close();
    yield* expectFailure(waiting, ChannelEnded);
  });

  testBoth('is broken when its last receiver is closed', function* (spawn) {
    const { sender, receiver } = openMemoryChannel<number>(1);
    const clone = receiver.clone();
    sender.sendNowait(1);
    const waiting = spawn(() => sender.send(2));
    yield* settle();
    receiver.close();
    receiver.close();
    yield* settle();
    assert.equal(waiting.done(), false);
    clone.close();
    yield* expectFailure(waiting, ChannelBroken);
    yield* expectFailure(
      spawn(() => sender.send(3)),
      ChannelBroken,
    );
    assert.throws(() => sender.sendNowait(3), { name: 'ChannelBroken', code: 'ERR_CHANNEL_BROKEN' });
    assert.match(String(sender), /buffered=0/);
  });

  testBoth('ends the waits of an end that is closed, not those of its clones', function* (spawn) {
    const { sender, receiver } = openMemoryChannel<number>(0);
    const otherSender = sender.clone();
    const sends = [spawn(() => sender.send(1)), spawn(() => otherSender.send(2))];
    yield* settle();
    sender.close();
    yield* expectFailure(sends[0], ChannelClosed);
    assert.equal(receiver.receiveNowait(), 2);
    const otherReceiver = receiver.clone();
    const receives = [spawn(() => receiver.receive()), spawn(() => otherReceiver.receive())];
    yield* settle();
    receiver.close();
    yield* expectFailure(receives[0], ChannelClosed);
    otherSender.sendNowait(3);
    assert.equal(yield* receives[1] ?? settle(), 3);
    for (const end of [sender, receiver]) {
      assert.throws(() => end.clone(), { name: 'ChannelClosed', code: 'ERR_CHANNEL_CLOSED' });
    }
    yield* expectFailure(
      spawn(() => sender.send(1)),
      ChannelClosed,
    );
    yield* expectFailure(
      spawn(() => receiver.receive()),
      ChannelClosed,
    );
    assert.throws(() => sender.sendNowait(1), ChannelClosed);
    assert.throws(() => receiver.receiveNowait(), ChannelClosed);
  });

  testBoth('delivers what was promised before an end was closed', function* (spawn) {
    const { sender, receiver } = openMemoryChannel<number>(0);
    const receiving = spawn(() => receiver.receive());
    yield* settle();
    sender.sendNowait(1);
    sender.close();
    receiver.close();
    assert.equal(yield* receiving, 1);
  });

  test('gives its values to `for await` until it ends', async () => {
    const { sender, receiver } = openMemoryChannel<number>(1);
    const producer = createTask(function* () {
      using end = sender;
      for (let i = 0; i < 5; i++) yield* end.send(i);
    });
    const received: number[] = [];
    for await (const value of receiver) received.push(value);
    assert.deepEqual(received, [0, 1, 2, 3, 4]);
    await producer;
    assert.equal(receiver.isClosed(), false);
  });

  testBoth('gives its values to a coroutine until it ends', function* (spawn) {
    const { sender, receiver } = openMemoryChannel<number>(0);
    const producer = createTask(async () => {
      using end = sender;
      for (let i = 0; i < 5; i++) await end.send(i);
    });
    const received: number[] = [];
    for (
      let next = yield* spawn(() => receiver.next());
      !next.done;
      next = yield* spawn(() => receiver.next())
    ) {
      received.push(next.value);
    }
    assert.deepEqual(received, [0, 1, 2, 3, 4]);
    yield* producer;
    receiver.close();
    yield* expectFailure(
      spawn(() => receiver.next()),
      ChannelClosed,
    );
  });

  test('closes nothing when a loop over it is left', async () => {
    const { sender, receiver } = openMemoryChannel<number>(3);
    for (let i = 0; i < 3; i++) sender.sendNowait(i);
    for await (const value of receiver) if (value === 1) break;
    assert.equal(receiver.isClosed(), false);
    assert.equal(await receiver.receive(), 2);
  });

  testBoth('gives up a loop that is cancelled, and loses nothing', function* (spawn) {
    const { sender, receiver } = openMemoryChannel<number>(1);
    const looping = spawn(() => receiver.next());
    yield* settle();
    sender.sendNowait(1);
    looping.cancel();
    yield* settle();
    assert.equal(looping.cancelled(), true);
    assert.equal(receiver.receiveNowait(), 1);
  });

  it('closes an end with `using`', async () => {
    const { sender, receiver } = openMemoryChannel<number>(1);
    {
      using first = sender.clone();
      using second = receiver.clone();
      first.sendNowait(1);
      assert.equal(second.receiveNowait(), 1);
      assert.equal(inspect(first), '<MemorySender open buffered=0/1 senders=2 receivers=2>');
    }
    assert.equal(inspect(receiver), '<MemoryReceiver open buffered=0/1 senders=1 receivers=1>');
    sender.close();
    assert.equal(String(sender), '<MemorySender closed buffered=0/1 senders=0 receivers=1>');
  });

  it('belongs to one loop', async () => {
    const { sender, receiver } = await runSimulated(async () => openMemoryChannel<number>(1));
    await runSimulated(function* () {
      yield;
      assert.throws(() => sender.send(1), /is bound to a different event loop/);
      assert.throws(() => receiver.receive(), /is bound to a different event loop/);
      assert.throws(() => sender.sendNowait(1), /is bound to a different event loop/);
    });
  });
});
