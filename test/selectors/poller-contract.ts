import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { StateError, SystemError } from '../../src/interface/index.ts';
import { type Poller, READABLE, WRITABLE } from '../../src/selectors/index.ts';
import { Alarms } from './alarms.ts';
import { countOpen, fill, OpenFiles, readByte, writeByte } from './open-files.ts';

const BOTH = READABLE | WRITABLE;
const thisFile = fileURLToPath(import.meta.url);

export interface PollerTraits {
  /** what it says of a regular file */
  regularFiles: 'always ready' | 'refused';
  /** closed while watched: reported once, or never */
  closed: 'reported' | 'forgotten';
  /** the highest number that it takes, plus one */
  limit: number;
}

/** What one wait says: descriptors with what each is ready for, of that which it is watched for. */
function look(poller: Poller, timeout: number | null = 0): Record<number, number> {
  const count = poller.wait(timeout);
  const found = Array.from({ length: count }, (_, index) => [poller.ready[index], poller.readyFor[index]]);
  const result = Object.fromEntries(found) as Record<number, number>;
  assert.equal(Object.keys(result).length, count, 'each descriptor once');
  return result;
}

function isReadable(descriptor: number, asker: Poller): boolean {
  asker.register(descriptor, READABLE);
  const count = asker.wait(0);
  asker.unregister(descriptor);
  return count > 0;
}

function systemError(code: string): (error: unknown) => boolean {
  return (error) =>
    error instanceof SystemError && error.code === code && /^Cannot watch descriptor/.test(error.message);
}

export function testPoller(name: string, traits: PollerTraits, create: () => Poller): void {
  describe(name, () => {
    function withPoller(body: (poller: Poller, files: OpenFiles) => void): () => void {
      return () => {
        using files = new OpenFiles();
        const poller = create();
        try {
          body(poller, files);
        } finally {
          poller.close();
        }
      };
    }

    it(
      'reports what is readable for as long as it is',
      withPoller((poller, files) => {
        const { reader, writer } = files.pipe();
        poller.register(reader, READABLE);
        assert.deepEqual(look(poller), {});
        writeByte(writer);
        assert.equal((look(poller, null)[reader] as number) & READABLE, READABLE);
        assert.equal((look(poller, 1_000)[reader] as number) & READABLE, READABLE);
        readByte(reader);
        assert.deepEqual(look(poller), {});
      }),
    );

    it(
      'reports what is writable, and not when it is full',
      withPoller((poller, files) => {
        const [a, b] = files.socketPair();
        poller.register(a, WRITABLE);
        assert.deepEqual(look(poller), { [a]: WRITABLE });
        fill(a);
        assert.deepEqual(look(poller), {});
        poller.register(b, BOTH);
        assert.deepEqual(look(poller), { [b]: BOTH });
      }),
    );

    it(
      'watches for what it was last told',
      withPoller((poller, files) => {
        const [a, b] = files.socketPair();
        writeByte(b);
        poller.register(a, READABLE);
        assert.deepEqual(look(poller), { [a]: READABLE });
        poller.modify(a, WRITABLE);
        assert.deepEqual(look(poller), { [a]: WRITABLE });
        poller.modify(a, BOTH);
        assert.deepEqual(look(poller), { [a]: BOTH });
        poller.modify(a, BOTH);
        poller.unregister(a);
        assert.deepEqual(look(poller), {});
        poller.unregister(a);
        poller.register(a, READABLE);
        assert.deepEqual(look(poller), { [a]: READABLE });
      }),
    );

    it(
      'makes what has hung up ready for all that it is watched for',
      withPoller((poller, files) => {
        const ends = files.pipe();
        poller.register(ends.reader, READABLE);
        files.close(ends.writer);
        assert.equal((look(poller)[ends.reader] as number) & READABLE, READABLE);
        poller.unregister(ends.reader);

        const broken = files.pipe();
        poller.register(broken.writer, WRITABLE);
        files.close(broken.reader);
        assert.equal((look(poller)[broken.writer] as number) & WRITABLE, WRITABLE);
        poller.unregister(broken.writer);

        const [a, b] = files.socketPair();
        fill(a);
        poller.register(a, BOTH);
        files.close(b);
        assert.deepEqual(look(poller), { [a]: BOTH });
      }),
    );

    it(
      'says what it cannot do, and stays as it was',
      withPoller((poller, files) => {
        const { reader, writer } = files.pipe();
        writeByte(writer);
        poller.register(reader, READABLE);
        assert.throws(() => poller.register(reader, READABLE), systemError('EEXIST'));
        assert.throws(() => poller.modify(writer, WRITABLE), systemError('ENOENT'));
        files.close(writer);
        assert.throws(() => poller.register(writer, WRITABLE), systemError('EBADF'));
        assert.throws(() => poller.register(-1, READABLE), systemError('EBADF'));
        for (const interest of [0, 4, 7, -1, 0.5, Number.NaN]) {
          assert.throws(() => poller.register(reader, interest), RangeError);
          assert.throws(() => poller.modify(reader, interest), RangeError);
        }
        assert.deepEqual(Object.keys(look(poller)), [String(reader)]);
      }),
    );

    it(
      'unregisters what is closed already, or was never there',
      withPoller((poller, files) => {
        const { reader, writer } = files.pipe();
        poller.register(writer, WRITABLE);
        poller.unregister(reader);
        files.close(writer);
        poller.unregister(writer);
        assert.deepEqual(look(poller), {});
        poller.unregister(-1);
        poller.unregister(1_000_000);
      }),
    );

    it(
      'does not spin over what was closed without a word',
      withPoller((poller, files) => {
        const { reader, writer } = files.pipe();
        const other = files.pipe();
        writeByte(other.writer);
        poller.register(writer, WRITABLE);
        poller.register(other.reader, READABLE);
        files.close(writer);
        files.close(reader);
        const first = look(poller);
        if (traits.closed === 'reported') assert.equal(first[writer], BOTH);
        else assert.equal(first[writer], undefined);
        assert.deepEqual(Object.keys(look(poller)), [String(other.reader)]);
        poller.unregister(writer);
      }),
    );

    it(
      'reports a new file under an old number once it is registered (B-SELM-002)',
      withPoller((poller, files) => {
        const old = files.pipe();
        const other = files.pipe();
        poller.register(old.reader, READABLE);
        files.close(old.reader);
        poller.unregister(old.reader);
        const again = files.duplicateAt(other.reader, old.reader);
        assert.equal(again, old.reader);
        writeByte(other.writer);
        assert.deepEqual(look(poller), {});
        poller.register(again, READABLE);
        assert.equal((look(poller)[again] as number) & READABLE, READABLE);
      }),
    );

    it(
      `takes descriptors below ${traits.limit} only (B-SELM-008)`,
      { skip: traits.limit === Number.POSITIVE_INFINITY && 'it takes any' },
      withPoller((poller, files) => {
        const { reader, writer } = files.pipe();
        writeByte(writer);
        const last = files.duplicateAt(reader, traits.limit - 1);
        const above = files.duplicateAt(reader, traits.limit);
        poller.register(last, READABLE);
        assert.throws(() => poller.register(above, READABLE), systemError('EINVAL'));
        assert.throws(() => poller.modify(above, READABLE), systemError('ENOENT'));
        poller.unregister(above);
        assert.deepEqual(look(poller), { [last]: READABLE });
      }),
    );

    it(
      'takes descriptors of 1024 and above (B-SELM-008)',
      { skip: traits.limit <= 1024 && 'it cannot' },
      withPoller((poller, files) => {
        const { reader, writer } = files.pipe();
        writeByte(writer);
        const high = files.duplicateAt(reader, 2_000);
        poller.register(high, READABLE);
        poller.register(reader, READABLE);
        assert.deepEqual(Object.keys(look(poller)).map(Number), [reader, high]);
        poller.unregister(reader);
        assert.deepEqual(Object.keys(look(poller)).map(Number), [high]);
      }),
    );

    it(
      `says of regular files: ${traits.regularFiles} (B-SELM-008)`,
      withPoller((poller, files) => {
        const file = files.regularFile(thisFile);
        if (traits.regularFiles === 'refused') {
          assert.throws(() => poller.register(file, READABLE), systemError('EPERM'));
          assert.deepEqual(look(poller), {});
        } else {
          poller.register(file, READABLE);
          assert.deepEqual(look(poller), { [file]: READABLE });
        }
      }),
    );

    it(
      'reports many, each in its time, also more than one wait can tell',
      withPoller((poller, files) => {
        const { reader, writer } = files.pipe();
        writeByte(writer);
        const least = 64;
        const count = traits.limit === Number.POSITIVE_INFINITY ? 2_500 : 500;
        const watched = new Set<number>();
        for (let index = 0; index < count; index++) {
          const descriptor = files.duplicateAt(reader, least);
          poller.register(descriptor, READABLE);
          watched.add(descriptor);
        }
        for (const descriptor of [...watched].filter((_, index) => index % 3 === 0)) {
          poller.unregister(descriptor);
          watched.delete(descriptor);
        }
        const seen = new Set<number>();
        for (let round = 0; round < Math.ceil(count / 1_024); round++) {
          for (const descriptor of Object.keys(look(poller))) seen.add(Number(descriptor));
        }
        assert.deepEqual(seen, watched);
        for (const descriptor of watched) poller.unregister(descriptor);
        assert.deepEqual(look(poller), {});
      }),
    );

    it(
      'does not wait for 0 and less',
      withPoller((poller, files) => {
        poller.register(files.pipe().reader, READABLE);
        for (const timeout of [0, -0, -0.5, -1, -1_000, Number.NEGATIVE_INFINITY]) {
          assert.equal(poller.wait(timeout), 0);
        }
      }),
    );

    it(
      'is never early, also by a fraction of a millisecond',
      withPoller((poller, files) => {
        poller.register(files.pipe().reader, READABLE);
        for (const timeout of [0.001, 0.3, 0.9999999, 1, 1.05, 2.5, 3]) {
          const began = performance.now();
          assert.equal(poller.wait(timeout), 0);
          const passed = performance.now() - began;
          // The clock of performance.now() ticks in other steps than the kernel's.
          assert.ok(passed >= timeout - 0.001, `${timeout} took ${passed}`);
        }
      }),
    );

    it(
      'ends a wait when a signal arrives (B-SELM-006)',
      withPoller((poller, files) => {
        poller.register(files.pipe().reader, READABLE);
        using alarms = new Alarms(1);
        assert.equal(poller.wait(null), 0);
        assert.equal(poller.wait(60_000), 0);
        assert.equal(alarms.heard, 0);
      }),
    );

    it(
      'has a descriptor that is readable when a wait would find something',
      withPoller((poller, files) => {
        const host = create();
        try {
          const [a, b] = files.socketPair();
          const late = files.pipe();
          poller.register(a, READABLE);
          const rings = () => isReadable(poller.descriptor, host);
          assert.equal(rings(), false);
          writeByte(b);
          assert.equal(rings(), true);
          assert.equal(look(poller)[a], READABLE);
          readByte(a);
          assert.equal(rings(), false);
          // What happens after it was first asked for is known to it, too.
          poller.modify(a, WRITABLE);
          assert.equal(rings(), true);
          poller.modify(a, READABLE);
          assert.equal(rings(), false);
          poller.register(late.reader, READABLE);
          writeByte(late.writer);
          assert.equal(rings(), true);
          poller.unregister(late.reader);
          assert.equal(rings(), false);
          if (traits.regularFiles === 'always ready') {
            const [one, two] = [files.regularFile(thisFile), files.regularFile(thisFile)];
            poller.register(one, READABLE);
            poller.register(two, READABLE);
            poller.modify(one, WRITABLE);
            assert.equal(rings(), true);
            poller.unregister(one);
            assert.equal(rings(), true);
            poller.unregister(two);
            assert.equal(rings(), false);
          }
        } finally {
          host.close();
        }
      }),
    );

    it('can be asked for its descriptor when much is registered already', () => {
      using files = new OpenFiles();
      const [poller, host] = [create(), create()];
      const pipes = Array.from({ length: 20 }, () => files.pipe());
      for (const { reader } of pipes) poller.register(reader, READABLE);
      // Two that are closed without a word; the first of their numbers goes to what is made now.
      const gone = files.pipe();
      poller.register(gone.reader, READABLE);
      poller.register(gone.writer, WRITABLE);
      files.close(gone.reader);
      files.close(gone.writer);
      assert.equal(isReadable(poller.descriptor, host), false);
      writeByte(pipes[11]?.writer as number);
      assert.equal(isReadable(poller.descriptor, host), true);
      poller.close();
      host.close();
    });

    it('refuses everything after close, but to be closed again, and leaves no descriptor open (B-SELM-007)', () => {
      using files = new OpenFiles();
      const { reader } = files.pipe();
      const before = countOpen();
      const poller = create();
      poller.register(reader, READABLE);
      assert.equal(typeof poller.descriptor, 'number');
      if (traits.regularFiles === 'always ready') {
        poller.register(files.regularFile(thisFile), READABLE);
      }
      poller.close();
      poller.close();
      poller.unregister(reader);
      assert.equal(countOpen(), before + (traits.regularFiles === 'always ready' ? 1 : 0));
      const closed = (error: unknown) => error instanceof StateError && error.code === 'ERR_SELECTOR_CLOSED';
      assert.throws(() => poller.register(reader, READABLE), closed);
      assert.throws(() => poller.modify(reader, READABLE), closed);
      assert.throws(() => poller.wait(0), closed);
      assert.throws(() => poller.descriptor, closed);
    });
  });
}
