import assert from 'node:assert/strict';
import { closeSync, existsSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { type InternetAddress, StateError, SystemError } from '../../src/interface/index.ts';
import {
  constants,
  createSocket,
  isDarwin,
  isNonBlocking,
  libc,
  NativeSocket,
  socketFromDescriptor,
  socketPair,
  takeDescriptor,
} from '../../src/syscalls/index.ts';

const closed = (error: unknown) => error instanceof StateError && error.code === 'ERR_SOCKET_CLOSED';
const hasCode = (code: string) => (error: unknown) => error instanceof SystemError && error.code === code;
const local: InternetAddress = { host: '127.0.0.1', port: 0, family: 4 };
const withoutIPv6 =
  existsSync('/proc/net/if_inet6') && readFileSync('/proc/net/if_inet6', 'utf8').includes(' lo\n')
    ? false
    : 'no IPv6 here';

describe('NativeSocket', () => {
  it('is open, does not block, and is closed on exec', () => {
    for (const family of [4, 6, 'unix'] as const) {
      for (const type of ['stream', 'datagram'] as const) {
        if (family === 6 && withoutIPv6 !== false) continue;
        using socket = createSocket({ family, type });
        assert.ok(fstatSync(socket.fd).isSocket());
        assert.equal(isNonBlocking(socket.fd), true);
        assert.equal(libc().fcntl(socket.fd, constants.F_GETFD, 0), constants.FD_CLOEXEC);
        assert.deepEqual([socket.family, socket.type], [family, type]);
      }
    }
  });

  it('is for IPv4 streams unless told otherwise', () => {
    using socket = createSocket();
    assert.deepEqual([socket.family, socket.type], [4, 'stream']);
    assert.match(String(socket), /^<NativeSocket fd=\d+ 4 stream>$/);
  });

  it('is refused for what there is not', () => {
    assert.throws(() => createSocket({ family: 5 as never }), RangeError);
    assert.throws(() => createSocket({ type: 'raw' as never }), RangeError);
    assert.throws(() => socketPair({ type: 'raw' as never }), RangeError);
  });

  it('has an address once bound, and no peer before it is connected', () => {
    using socket = createSocket().bind(local);
    const { localAddress } = socket;
    assert.ok(localAddress !== null && 'port' in localAddress && localAddress.port > 0);
    assert.equal(socket.remoteAddress, null);
    using other = createSocket();
    assert.throws(() => other.bind({ ...local, host: 'localhost' }), RangeError);
    using listener = socket.listen(1);
    assert.throws(
      () => other.bind(listener.localAddress as InternetAddress),
      (error) => {
        assert.ok(hasCode('EADDRINUSE')(error));
        assert.match((error as Error).message, /^Cannot bind to 127\.0\.0\.1:\d+: /);
        return true;
      },
    );
    assert.throws(() => other.shutdown('both'), hasCode('ENOTCONN'));
  });

  it('knows family and type of a descriptor', { skip: withoutIPv6 }, () => {
    for (const family of [4, 6, 'unix'] as const) {
      for (const type of ['stream', 'datagram'] as const) {
        const fd = createSocket({ family, type }).detach();
        libc().fcntl(fd, constants.F_SETFL, 0);
        using socket = socketFromDescriptor(fd);
        assert.deepEqual([socket.family, socket.type, isNonBlocking(fd)], [family, type, true]);
      }
    }
  });

  it('is not made of a socket of another kind', { skip: isDarwin && 'there are others' }, () => {
    const [AF_NETLINK, SOCK_SEQPACKET] = [16, 5];
    for (const [family, type, code] of [
      [constants.AF_UNIX, SOCK_SEQPACKET, 'EPROTONOSUPPORT'],
      [AF_NETLINK, constants.SOCK_DGRAM, 'EAFNOSUPPORT'],
    ] as const) {
      const fd = libc().socket(family, type, 0);
      assert.ok(fd >= 0);
      assert.throws(() => socketFromDescriptor(fd), hasCode(code));
      closeSync(fd);
    }
  });

  it('is made of no descriptor that is none of a socket', () => {
    const file = openSync(import.meta.filename, 'r');
    try {
      assert.throws(() => socketFromDescriptor(file), hasCode('ENOTSOCK'));
    } finally {
      closeSync(file);
    }
    assert.throws(() => socketFromDescriptor(file), hasCode('EBADF'));
    assert.throws(() => socketFromDescriptor(-1), hasCode('EBADF'));
    assert.throws(() => socketFromDescriptor(1.5), TypeError);
  });

  it('comes in connected pairs', () => {
    for (const type of ['stream', 'datagram'] as const) {
      const [near, far] = socketPair({ type });
      assert.deepEqual([near.type, far.type, near.family], [type, type, 'unix']);
      assert.deepEqual(near.remoteAddress, { path: '' });
      near.close();
      far.close();
    }
  });

  it('is closed once, however often it is asked to, and of no use then', () => {
    const [near, far] = socketPair();
    const { fd } = near;
    near.close();
    const [stranger, other] = socketPair();
    assert.equal(stranger.fd, fd, 'the kernel gives the lowest number that is free');
    near.close();
    near[Symbol.dispose]();
    assert.ok(fstatSync(fd).isSocket(), 'the second close hit a stranger');
    assert.equal(near.fd, -1);
    assert.match(String(near), /closed/);
    assert.throws(() => near.bind({ path: 'x' }), closed);
    assert.throws(() => near.listen(), closed);
    assert.throws(() => near.remoteAddress, closed);
    assert.throws(() => near.shutdown('read'), closed);
    assert.throws(() => near.detach(), closed);
    for (const socket of [far, stranger, other]) socket.close();
  });

  it('tells who listens, once, while the descriptor is open still', () => {
    const [near, far] = socketPair();
    const said: boolean[] = [];
    const listener = () => void said.push(fstatSync(near.fd).isSocket());
    const removed = () => assert.fail('it was removed');
    near.addCloseListener(listener);
    near.addCloseListener(removed);
    near.removeCloseListener(removed);
    near.close();
    near.close();
    assert.deepEqual(said, [true]);
    far.close();
  });

  it('gives its descriptor away, and is closed by that', () => {
    const [near, far] = socketPair();
    const { fd } = near;
    assert.deepEqual(takeDescriptor(near), { fd, close: null });
    assert.equal(near.fd, -1);
    near.close();
    assert.ok(fstatSync(fd).isSocket());
    closeSync(fd);
    assert.throws(() => takeDescriptor(near), closed);
    far.close();
  });

  it('of somebody else’s is taken with its own close', () => {
    let closes = 0;
    const foreign = { fd: 12, family: 4, type: 'stream', close: () => void closes++ } as const;
    const { fd, close } = takeDescriptor(foreign);
    assert.equal(fd, 12);
    close?.();
    assert.equal(closes, 1);
    assert.throws(() => takeDescriptor({ ...foreign, fd: -1 }), closed);
    assert.equal(foreign instanceof NativeSocket, false);
  });
});
