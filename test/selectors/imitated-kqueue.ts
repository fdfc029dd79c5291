import type { SystemError } from '../../src/interface/index.ts';
import { EpollPoller } from '../../src/selectors/epoll-poller.ts';
import { type KqueueCalls, READABLE, WRITABLE } from '../../src/selectors/index.ts';
import { keventBytes } from '../../src/selectors/kqueue-poller.ts';
import { ENOENT, ffi } from '../../src/syscalls/index.ts';

const [EVFILT_READ, EVFILT_WRITE] = [-1, -2];
const [EV_ADD, EV_DELETE, EV_RECEIPT, EV_ERROR] = [1, 2, 0x40, 0x4000];

/** The kernel's part of kqueue(2) as its page tells it, as far as readiness goes, by epoll. */
export function imitatedKqueue(): KqueueCalls {
  const poller = new EpollPoller();
  const queue = poller.descriptor;
  const interests = new Map<number, number>();

  /** 0, or an error number */
  function change(descriptor: number, filter: number, flags: number): number {
    const bit = filter === EVFILT_READ ? READABLE : WRITABLE;
    const before = interests.get(descriptor) ?? 0;
    const after = (flags & EV_DELETE) === 0 ? before | bit : before & ~bit;
    if ((flags & EV_DELETE) !== 0 && (before & bit) === 0) return ENOENT;
    try {
      if (after === 0) poller.unregister(descriptor);
      else if (before === 0) poller.register(descriptor, after);
      else poller.modify(descriptor, after);
    } catch (error) {
      return -((error as SystemError).errno ?? 0);
    }
    if (after === 0) interests.delete(descriptor);
    else interests.set(descriptor, after);
    return 0;
  }

  return {
    kqueue: () => queue,
    kevent(descriptor, changes, changeCount, events, eventCount, timespec) {
      if (descriptor !== queue) throw new Error(`kevent of ${descriptor} and not of ${queue}`);
      if (changeCount > 0) {
        if (eventCount < changeCount) throw new Error('no room for the receipts');
        const input = new DataView(ffi().viewAt(changes, changeCount * keventBytes));
        const output = new DataView(ffi().viewAt(events, changeCount * keventBytes));
        for (let at = 0; at < changeCount * keventBytes; at += keventBytes) {
          const flags = input.getUint16(at + 10, true);
          if ((flags & EV_RECEIPT) === 0 || (flags & (EV_ADD | EV_DELETE)) === 0)
            throw new Error(`flags ${flags}`);
          const error = change(Number(input.getBigUint64(at, true)), input.getInt16(at + 8, true), flags);
          output.setUint16(at + 10, flags | EV_ERROR, true);
          output.setBigInt64(at + 16, BigInt(error), true);
        }
        return changeCount;
      }
      const count = poller.wait(millisecondsIn(timespec));
      const output = new DataView(ffi().viewAt(events, eventCount * keventBytes));
      let at = 0;
      // First all that can be read, then all that can be written: the two of one descriptor lie apart.
      for (const [bit, filter] of [
        [READABLE, EVFILT_READ],
        [WRITABLE, EVFILT_WRITE],
      ] as const) {
        for (let index = 0; index < count; index++) {
          const fd = poller.ready[index] as number;
          if (((poller.readyFor[index] as number) & (interests.get(fd) ?? 0) & bit) === 0) continue;
          output.setBigUint64(at, BigInt(fd), true);
          output.setInt16(at + 8, filter, true);
          output.setUint16(at + 10, EV_ADD, true);
          output.setUint32(at + 12, 0, true);
          at += keventBytes;
          if (at === eventCount * keventBytes) return eventCount;
        }
      }
      return at / keventBytes;
    },
  };
}

function millisecondsIn(timespec: number): number | null {
  if (timespec === 0) return null;
  const view = new DataView(ffi().viewAt(timespec, 16));
  return Number(view.getBigInt64(0, true)) * 1_000 + Number(view.getBigInt64(8, true)) / 1e6;
}
