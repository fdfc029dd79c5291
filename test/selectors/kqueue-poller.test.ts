import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SystemError } from '../../src/interface/index.ts';
import { type KqueueCalls, KqueuePoller, READABLE, WRITABLE } from '../../src/selectors/index.ts';
import { encodeChange, keventBytes, receiptError } from '../../src/selectors/kqueue-poller.ts';
import { constants, ENOMEM, ffi, isDarwin, libc } from '../../src/syscalls/index.ts';
import { imitatedKqueue } from './imitated-kqueue.ts';
import { OpenFiles, writeByte } from './open-files.ts';

const EVFILT_WRITE = -2;
const EV_EOF = 0x8000;
const ECONNRESET = 54;

describe('struct kevent', () => {
  it('has the layout of a 64-bit Darwin', () => {
    const bytes = new Uint8Array(2 * keventBytes).fill(0xff);
    encodeChange(new DataView(bytes.buffer), keventBytes, 0x01020304, EVFILT_WRITE, 0x41);
    assert.deepEqual([...bytes.subarray(0, keventBytes)], new Array(keventBytes).fill(0xff));
    assert.deepEqual(
      [...bytes.subarray(keventBytes)],
      [
        ...[4, 3, 2, 1, 0, 0, 0, 0], // ident
        ...[0xfe, 0xff], // filter
        ...[0x41, 0], // flags
        ...[0, 0, 0, 0], // fflags
        ...[0, 0, 0, 0, 0, 0, 0, 0], // data
        ...[0, 0, 0, 0, 0, 0, 0, 0], // udata
      ],
    );
  });

  it('tells the error of a receipt in its data, and nothing where it is none', () => {
    const view = new DataView(new ArrayBuffer(keventBytes));
    view.setInt32(16, 9, true);
    assert.equal(receiptError(view, 0), 0);
    view.setUint16(10, 0x4041, true);
    assert.equal(receiptError(view, 0), 9);
  });
});

describe('KqueuePoller, on an imitated kernel', { skip: isDarwin && 'it has the real one' }, () => {
  it('takes back the one filter when the other is refused', () => {
    using files = new OpenFiles();
    const [a, b] = files.socketPair();
    let refusing = true;
    const poller = new KqueuePoller(refuseWriting(() => refusing));
    const refused = (error: unknown) => error instanceof SystemError && error.code === 'ENOMEM';
    writeByte(b);
    assert.throws(() => poller.register(a, READABLE | WRITABLE), refused);
    assert.equal(poller.wait(0), 0);
    poller.register(a, READABLE);
    assert.throws(() => poller.modify(a, WRITABLE), refused);
    assert.equal(poller.wait(0), 1);
    assert.equal(poller.readyFor[0], READABLE);
    refusing = false;
    poller.modify(a, WRITABLE);
    assert.equal(poller.wait(0), 1);
    assert.equal(poller.readyFor[0], WRITABLE);
    poller.close();
  });

  it('makes a socket with an error ready for both', () => {
    using files = new OpenFiles();
    const { reader } = files.pipe();
    const poller = new KqueuePoller({
      kqueue: () => libc().fcntl(reader, 0, 0), // any descriptor
      kevent: (_queue, changes, _changeCount, events) => {
        if (changes !== 0) return 0;
        const view = new DataView(ffi().viewAt(events, 2 * keventBytes));
        for (const [at, descriptor, fflags] of [
          [0, 7, ECONNRESET],
          [keventBytes, 8, 0],
        ] as const) {
          encodeChange(view, at, descriptor, -1, EV_EOF);
          view.setUint32(at + 12, fflags, true);
        }
        return 2;
      },
    });
    assert.notEqual(libc().fcntl(poller.descriptor, constants.F_GETFD, 0) & constants.FD_CLOEXEC, 0);
    assert.equal(poller.wait(0), 2);
    assert.deepEqual([...poller.ready.subarray(0, 2)], [7, 8]);
    assert.deepEqual([...poller.readyFor.subarray(0, 2)], [READABLE | WRITABLE, READABLE]);
    poller.close();
  });
});

/** Answers ENOMEM to whoever adds the filter for writing. */
function refuseWriting(refuses: () => boolean): KqueueCalls {
  const kernel = imitatedKqueue();
  return {
    kqueue: kernel.kqueue,
    kevent(queue, changes, changeCount, events, eventCount, timespec) {
      if (changeCount === 0 || !refuses())
        return kernel.kevent(queue, changes, changeCount, events, eventCount, timespec);
      const input = new DataView(ffi().viewAt(changes, changeCount * keventBytes));
      const output = new DataView(ffi().viewAt(events, changeCount * keventBytes));
      for (let at = 0; at < changeCount * keventBytes; at += keventBytes) {
        if (input.getInt16(at + 8, true) === EVFILT_WRITE && (input.getUint16(at + 10, true) & 1) !== 0) {
          output.setUint16(at + 10, 0x4000, true);
          output.setBigInt64(at + 16, BigInt(ENOMEM), true);
        } else {
          kernel.kevent(queue, changes + at, 1, events + at, 1, timespec);
        }
      }
      return changeCount;
    },
  };
}
