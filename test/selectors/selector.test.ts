import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { expectTypeOf } from 'expect-type';
import { NotSupportedError, SystemError } from 'tulipa';
import {
  DefaultSelector,
  EpollSelector,
  EVENT_READ,
  EVENT_WRITE,
  KqueuePoller,
  KqueueSelector,
  PollPoller,
  PollSelector,
  Selector,
  type SelectorKey,
  SelectorKeyError,
  SelectSelector,
} from 'tulipa/selectors';
import { ffi, isDarwin } from '../../src/syscalls/index.ts';
import { imitatedKqueue } from './imitated-kqueue.ts';
import { OpenFiles, writeByte } from './open-files.ts';
import { testSelector } from './selector-contract.ts';

testSelector(
  'SelectSelector',
  { regularFiles: 'always ready', highDescriptors: false },
  () => new SelectSelector(),
);
testSelector(
  'PollSelector',
  { regularFiles: 'always ready', highDescriptors: true },
  () => new PollSelector(),
);
if (isDarwin) {
  const traits = { regularFiles: 'always ready', highDescriptors: true } as const;
  testSelector('KqueueSelector', traits, () => new KqueueSelector());
  testSelector('DefaultSelector', traits, () => new DefaultSelector());
} else {
  const traits = { regularFiles: 'refused', highDescriptors: true } as const;
  testSelector('EpollSelector', traits, () => new EpollSelector());
  testSelector('DefaultSelector', traits, () => new DefaultSelector());
  testSelector(
    'a selector on an imitated kqueue',
    traits,
    () => new Selector(new KqueuePoller(imitatedKqueue())),
  );
}

describe('Selector', () => {
  it('unregisters what the kernel refuses to modify (B-SELM-003)', { skip: isDarwin && 'epoll only' }, () => {
    using files = new OpenFiles();
    using selector = new EpollSelector();
    const { reader } = files.pipe();
    selector.register(reader, EVENT_READ);
    files.close(reader);
    assert.throws(
      () => selector.modify(reader, EVENT_WRITE),
      (error) => error instanceof SystemError && error.code === 'EBADF',
    );
    assert.equal(selector.getMap().size, 0);
    assert.throws(() => selector.unregister(reader), SelectorKeyError);
  });

  it('reports a closed descriptor once where nobody else would notice, and keeps its key', () => {
    using files = new OpenFiles();
    for (const selector of [new SelectSelector(), new PollSelector()]) {
      const { reader } = files.pipe();
      const key = selector.register(reader, EVENT_READ);
      files.close(reader);
      assert.deepEqual(selector.select(), [[key, EVENT_READ]]);
      assert.deepEqual(selector.select(0), []);
      assert.equal(selector.unregister(reader), key);
      selector.close();
    }
  });

  it('can be watched by the host, whatever it asks the kernel', async () => {
    const { watch } = ffi();
    assert.ok(watch !== null);
    for (const selector of [new SelectSelector(), new PollSelector(), new DefaultSelector()]) {
      using files = new OpenFiles();
      const { reader, writer } = files.pipe();
      const key = selector.register(reader, EVENT_READ);
      const found = await new Promise((resolve) => {
        const hosted = watch(selector.fd, () => {
          hosted.close();
          // From here no promise is settled in time: Node does not know that JavaScript has run.
          setImmediate(resolve, selector.select(0));
        });
        writeByte(writer);
      });
      assert.deepEqual(found, [[key, EVENT_READ]]);
      selector.close();
    }
  });

  it('is of a type for its data', () => {
    using files = new OpenFiles();
    using selector = new PollSelector<() => string>();
    const { reader, writer } = files.pipe();
    selector.register(reader, EVENT_READ, () => 'called');
    // @ts-expect-error: without data a key would not be what it says
    assert.throws(() => selector.register(-1, EVENT_READ), RangeError);
    writeByte(writer);
    const [[key] = assert.fail()] = selector.select();
    expectTypeOf(key).toEqualTypeOf<SelectorKey<() => string>>();
    assert.equal(key.data(), 'called');
  });

  it('stands on any poller, which it closes', () => {
    const poller = new PollPoller();
    new Selector(poller).close();
    assert.throws(() => poller.wait(0));
  });

  it('of another system says that it is not supported', () => {
    assert.throws(() => (isDarwin ? new EpollSelector() : new KqueueSelector()), NotSupportedError);
  });
});
