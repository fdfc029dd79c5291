import assert from 'node:assert/strict';
import { readSync, writeSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { StateError, SystemError } from 'tulipa';
import { EVENT_READ, EVENT_WRITE, type Selector, SelectorKeyError } from 'tulipa/selectors';
import { Alarms } from './alarms.ts';
import { fill, OpenFiles, writeByte } from './open-files.ts';

const BOTH = EVENT_READ | EVENT_WRITE;
const thisFile = fileURLToPath(import.meta.url);

interface SelectorTraits {
  regularFiles: 'always ready' | 'refused';
  highDescriptors: boolean;
}

function notRegistered(error: unknown): boolean {
  return error instanceof SelectorKeyError && error.code === 'ERR_NOT_REGISTERED';
}

function closed(error: unknown): boolean {
  return error instanceof StateError && error.code === 'ERR_SELECTOR_CLOSED';
}

/** What `select` must say of the selectors that work here, all of them alike. */
export function testSelector(name: string, traits: SelectorTraits, create: () => Selector): void {
  describe(name, () => {
    function withSelector(body: (selector: Selector, files: OpenFiles) => void): () => void {
      return () => {
        using files = new OpenFiles();
        using selector = create();
        body(selector, files);
      };
    }

    it(
      'gives a key with file object, descriptor, events and data (B-SELM-001)',
      withSelector((selector, files) => {
        const [a, b] = files.socketPair();
        const object = { fd: b };
        const data = Symbol('data');
        const key = selector.register(a, EVENT_READ, data);
        assert.deepEqual(key, { fileobj: a, fd: a, events: EVENT_READ, data });
        assert.deepEqual(selector.register(object, BOTH), {
          fileobj: object,
          fd: b,
          events: BOTH,
          data: undefined,
        });
        assert.equal(selector.getKey(a), key);
        assert.equal(selector.getKey(object).fileobj, object);
        assert.equal(selector.getKey(b).fileobj, object);
        assert.deepEqual([...selector.getMap().keys()], [a, b]);
        assert.equal(selector.getMap().get(a), key);
      }),
    );

    it(
      'refuses a descriptor that is registered already (B-SELM-001)',
      withSelector((selector, files) => {
        const [a] = files.socketPair();
        const key = selector.register(a, EVENT_READ);
        for (const again of [a, { fd: a }]) {
          assert.throws(
            () => selector.register(again, EVENT_WRITE),
            (error) => error instanceof SelectorKeyError && error.code === 'ERR_ALREADY_REGISTERED',
          );
        }
        assert.equal(selector.getKey(a), key);
      }),
    );

    it(
      'refuses events and file objects that are none (B-SELM-001)',
      withSelector((selector, files) => {
        const [a] = files.socketPair();
        for (const events of [0, 4, 5, -1, 1.5, Number.NaN]) {
          assert.throws(() => selector.register(a, events), RangeError);
        }
        for (const fd of [-1, 1.5, Number.NaN, 2 ** 31]) {
          assert.throws(() => selector.register(fd, EVENT_READ), RangeError);
          assert.throws(() => selector.register({ fd }, EVENT_READ), RangeError);
          assert.throws(() => selector.unregister(fd), notRegistered);
        }
        for (const wrong of ['1', null, undefined, {}, { fd: '1' }, 1n] as never[]) {
          assert.throws(() => selector.register(wrong, EVENT_READ), TypeError);
          assert.throws(() => selector.getKey(wrong), TypeError);
        }
        assert.equal(selector.getMap().size, 0);
      }),
    );

    it(
      'refuses a closed descriptor and leaves nothing behind (B-SELM-001)',
      withSelector((selector, files) => {
        const { reader } = files.pipe();
        files.close(reader);
        assert.throws(
          () => selector.register(reader, EVENT_READ),
          (error) => error instanceof SystemError && error.code === 'EBADF',
        );
        assert.equal(selector.getMap().size, 0);
        assert.throws(() => selector.getKey(reader), notRegistered);
      }),
    );

    it(
      'gives the key back to who unregisters, once (B-SELM-002)',
      withSelector((selector, files) => {
        const [a, b] = files.socketPair();
        const key = selector.register(a, EVENT_WRITE);
        assert.equal(selector.unregister(a), key);
        assert.throws(() => selector.unregister(a), notRegistered);
        assert.throws(() => selector.unregister(b), notRegistered);
        assert.throws(() => selector.getKey(a), notRegistered);
        assert.deepEqual(selector.select(0), []);
        assert.notEqual(selector.register(a, EVENT_WRITE), key);
      }),
    );

    it(
      'unregisters what was closed, by number, and by identity when it has none any more (B-SELM-002)',
      withSelector((selector, files) => {
        const { reader, writer } = files.pipe();
        const object = { fd: writer };
        selector.register(reader, EVENT_READ);
        const key = selector.register(object, EVENT_WRITE);
        files.close(reader);
        files.close(writer);
        object.fd = -1;
        assert.equal(selector.getKey(object), key);
        assert.equal(selector.unregister(object), key);
        assert.equal(selector.unregister(reader).fd, reader);
        assert.deepEqual(selector.select(0), []);
        assert.throws(() => selector.unregister(object), notRegistered);
      }),
    );

    it(
      'unregisters what was closed and reused, and takes the new one (B-SELM-002)',
      withSelector((selector, files) => {
        const old = files.pipe();
        const other = files.pipe();
        selector.register(old.reader, EVENT_READ, 'old');
        files.close(old.reader);
        assert.equal(files.duplicateAt(other.reader, old.reader), old.reader);
        assert.equal(selector.unregister(old.reader).data, 'old');
        writeByte(other.writer);
        assert.deepEqual(selector.select(0), []);
        const key = selector.register(old.reader, EVENT_READ, 'new');
        assert.deepEqual(selector.select(0), [[key, EVENT_READ]]);
      }),
    );

    it(
      'modifies events and data (B-SELM-003)',
      withSelector((selector, files) => {
        const [a, b] = files.socketPair();
        writeByte(b);
        const first = selector.register(a, EVENT_WRITE, 'first');
        assert.deepEqual(selector.select(0), [[first, EVENT_WRITE]]);
        const second = selector.modify(a, EVENT_READ, 'second');
        assert.deepEqual(second, { fileobj: a, fd: a, events: EVENT_READ, data: 'second' });
        assert.deepEqual(selector.select(0), [[second, EVENT_READ]]);
        const third = selector.modify(a, EVENT_READ, 'third');
        assert.deepEqual(third, { ...second, data: 'third' });
        assert.equal(selector.getKey(a), third);
        assert.deepEqual(selector.select(0), [[third, EVENT_READ]]);
        assert.equal(selector.modify(a, EVENT_READ).data, undefined);
      }),
    );

    it(
      'changes nothing where nothing changes, and tells the kernel only of events (B-SELM-003)',
      withSelector((selector, files) => {
        const [a] = files.socketPair();
        const key = selector.register(a, EVENT_READ, 'data');
        assert.equal(selector.modify(a, EVENT_READ, 'data'), key);
        files.close(a);
        assert.equal(selector.modify(a, EVENT_READ, 'other').data, 'other');
      }),
    );

    it(
      'refuses to modify what it does not know, and to events that are none (B-SELM-003)',
      withSelector((selector, files) => {
        const [a, b] = files.socketPair();
        const key = selector.register(a, EVENT_READ);
        assert.throws(() => selector.modify(b, EVENT_READ), notRegistered);
        assert.throws(() => selector.modify(a, 0), RangeError);
        assert.throws(() => selector.modify(a, 8), RangeError);
        assert.equal(selector.getKey(a), key);
      }),
    );

    it(
      'reports those that are ready, with the events that were asked for (B-SELM-004)',
      withSelector((selector, files) => {
        const [a, b] = files.socketPair();
        const { reader, writer } = files.pipe();
        const idle = selector.register(reader, EVENT_READ, 'idle');
        const both = selector.register(a, BOTH, 'both');
        assert.deepEqual(selector.select(), [[both, EVENT_WRITE]]);
        writeByte(b);
        assert.deepEqual(selector.select(), [[both, BOTH]]);
        fill(a);
        assert.deepEqual(selector.select(60_000), [[both, EVENT_READ]]);
        writeByte(writer);
        const found = selector.select();
        assert.deepEqual(new Set(found.map(([key]) => key)), new Set([both, idle]));
      }),
    );

    it(
      'reports error and hang-up as what was asked for (B-SELM-004)',
      withSelector((selector, files) => {
        const ended = files.pipe();
        const reading = selector.register(ended.reader, EVENT_READ);
        files.close(ended.writer);
        assert.deepEqual(selector.select(), [[reading, EVENT_READ]]);
        selector.unregister(ended.reader);

        const broken = files.pipe();
        const writing = selector.register(broken.writer, EVENT_WRITE);
        files.close(broken.reader);
        assert.deepEqual(selector.select(), [[writing, EVENT_WRITE]]);
        selector.unregister(broken.writer);

        const [a, b] = files.socketPair();
        const both = selector.register(a, BOTH);
        files.close(b);
        assert.deepEqual(selector.select(), [[both, BOTH]]);
      }),
    );

    it(
      'ends when the time is up, not earlier',
      withSelector((selector, files) => {
        selector.register(files.pipe().reader, EVENT_READ);
        for (const timeout of [0, -1, 0.4, 2]) {
          const began = performance.now();
          assert.deepEqual(selector.select(timeout), []);
          assert.ok(performance.now() - began >= timeout);
        }
      }),
    );

    it(
      'refuses a timeout that is none, and to wait for nothing for ever',
      withSelector((selector) => {
        assert.throws(() => selector.select(Number.NaN), RangeError);
        assert.throws(() => selector.select('5' as never), TypeError);
        assert.throws(
          () => selector.select(),
          (error) => error instanceof StateError && error.code === 'ERR_NOTHING_REGISTERED',
        );
        assert.deepEqual(selector.select(0.1), []);
      }),
    );

    it(
      'goes on with the time that is left when a signal interrupts (B-SELM-006)',
      withSelector((selector, files) => {
        selector.register(files.pipe().reader, EVENT_READ);
        using alarms = new Alarms(1);
        const began = performance.now();
        assert.deepEqual(selector.select(12.5), []);
        const passed = performance.now() - began;
        assert.ok(passed >= 12.5, `${passed}`);
        assert.equal(alarms.heard, 0);
      }),
    );

    it('runs the handler of a signal after select, and the signal can be seen as a file (B-SELM-006)', async () => {
      using files = new OpenFiles();
      using selector = create();
      const { reader, writer } = files.pipe();
      selector.register(reader, EVENT_READ);
      using alarms = new Alarms(1);
      assert.deepEqual(selector.select(3), []);
      assert.equal(alarms.heard, 0);
      const { promise, resolve } = withResolvers();
      process.once('SIGALRM', () => {
        writeSync(writer, 'x');
        resolve();
      });
      await promise;
      assert.ok(alarms.heard > 0);
      assert.deepEqual(
        selector.select().map(([key]) => key.fd),
        [reader],
      );
      readSync(reader, new Uint8Array(1));
    });

    it(
      'has an empty map after close, and refuses everything but to be closed again (B-SELM-007)',
      withSelector((selector, files) => {
        const [a] = files.socketPair();
        selector.register(a, EVENT_READ);
        const map = selector.getMap();
        assert.equal(map.size, 1);
        selector.close();
        selector.close();
        assert.equal(map.size, 0);
        assert.equal(selector.getMap().size, 0);
        assert.throws(() => selector.getKey(a), closed);
        assert.throws(() => selector.register(a, EVENT_READ), closed);
        assert.throws(() => selector.unregister(a), closed);
        assert.throws(() => selector.modify(a, EVENT_WRITE), closed);
        assert.throws(() => selector.select(0), closed);
        assert.equal(selector.fd, -1);
      }),
    );

    it('is closed at the end of its scope (B-SELM-007)', () => {
      let outside: Selector;
      {
        using selector = create();
        outside = selector;
        assert.deepEqual(selector.select(0), []);
      }
      assert.throws(() => outside.select(0), closed);
    });

    it(
      'watches descriptors above the classic limit, or says that it cannot (B-SELM-008)',
      withSelector((selector, files) => {
        const { reader, writer } = files.pipe();
        const high = files.duplicateAt(reader, 1_500);
        writeByte(writer);
        if (traits.highDescriptors) {
          const key = selector.register(high, EVENT_READ);
          assert.deepEqual(selector.select(), [[key, EVENT_READ]]);
        } else {
          assert.throws(
            () => selector.register(high, EVENT_READ),
            (error) =>
              error instanceof SystemError && error.code === 'EINVAL' && /below 1024/.test(error.message),
          );
          assert.equal(selector.getMap().size, 0);
        }
      }),
    );

    it(
      'reports regular files as ready, or refuses them without a trace (B-SELM-008)',
      withSelector((selector, files) => {
        const file = files.regularFile(thisFile);
        if (traits.regularFiles === 'always ready') {
          const key = selector.register(file, BOTH);
          assert.deepEqual(selector.select(), [[key, BOTH]]);
        } else {
          assert.throws(
            () => selector.register(file, EVENT_READ),
            (error) => error instanceof SystemError && error.code === 'EPERM',
          );
          assert.equal(selector.getMap().size, 0);
          assert.throws(() => selector.getKey(file), notRegistered);
          assert.deepEqual(selector.select(0), []);
        }
      }),
    );

    it(
      'can be registered in another selector',
      withSelector((inner, files) => {
        using outer = create();
        const { reader, writer } = files.pipe();
        inner.register(reader, EVENT_READ);
        const key = outer.register(inner, EVENT_READ);
        assert.deepEqual(outer.select(0), []);
        writeByte(writer);
        assert.deepEqual(outer.select(), [[key, EVENT_READ]]);
        inner.close();
        assert.equal(outer.unregister(inner), key);
      }),
    );
  });
}

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
