import assert from 'node:assert/strict';
import { constants as os } from 'node:os';
import { afterEach, describe, it } from 'node:test';
import { SystemError } from '../../src/interface/index.ts';
import {
  acceptConnection,
  acceptedFrom,
  checked,
  closeDescriptor,
  constants,
  EAGAIN,
  EBADF,
  encodeAddress,
  errno,
  getOption,
  isNonBlocking,
  libc,
  localAddressOf,
  Memory,
  openSocket,
  pendingError,
  remoteAddressOf,
  setNonBlocking,
  setOption,
} from '../../src/syscalls/index.ts';

const {
  SOL_SOCKET,
  SO_TYPE,
  SO_ACCEPTCONN,
  SO_REUSEADDR,
  IPPROTO_TCP,
  TCP_NODELAY,
  SOCK_STREAM,
  SOCK_DGRAM,
} = constants;
const F_GETFD = 1;

const open: number[] = [];
const keep = (fd: number) => {
  open.push(fd);
  return fd;
};

afterEach(() => {
  for (const fd of open.splice(0)) closeDescriptor(fd);
});

function listening(): number {
  const fd = keep(openSocket(4, 'stream', 'test'));
  const bytes = encodeAddress({ host: '127.0.0.1', port: 0, family: 4 });
  checked(libc().bind(fd, bytes, bytes.length), 'bind', 'bind');
  checked(libc().listen(fd, 8), 'listen', 'listen');
  return fd;
}

function connected(listener: number): number {
  const fd = keep(openSocket(4, 'stream', 'test'));
  const address = localAddressOf(listener);
  assert.ok(address !== null);
  const bytes = encodeAddress(address);
  libc().connect(fd, bytes, bytes.length);
  return fd;
}

describe('sockets', () => {
  it('are of the kind that was asked for, not blocking, and closed on exec', () => {
    for (const [family, type, kind] of [
      [4, 'stream', SOCK_STREAM],
      [6, 'datagram', SOCK_DGRAM],
      ['unix', 'stream', SOCK_STREAM],
    ] as const) {
      const fd = keep(openSocket(family, type, 'test'));
      assert.equal(getOption(fd, SOL_SOCKET, SO_TYPE), kind);
      assert.equal(isNonBlocking(fd), true);
      assert.equal(libc().fcntl(fd, F_GETFD, 0), constants.FD_CLOEXEC);
    }
  });

  it('take options and tell them', () => {
    const fd = keep(openSocket(4, 'stream', 'test'));
    for (const [level, option] of [
      [SOL_SOCKET, SO_REUSEADDR],
      [IPPROTO_TCP, TCP_NODELAY],
    ] as const) {
      assert.equal(getOption(fd, level, option), 0);
      setOption(fd, level, option, 1);
      assert.notEqual(getOption(fd, level, option), 0);
      setOption(fd, level, option, 0);
      assert.equal(getOption(fd, level, option), 0);
    }
    assert.equal(getOption(fd, SOL_SOCKET, SO_ACCEPTCONN), 0);
    assert.notEqual(getOption(listening(), SOL_SOCKET, SO_ACCEPTCONN), 0);
  });

  it('are accepted not blocking, and closed on exec, with the address of the other end', () => {
    const listener = listening();
    assert.equal(acceptConnection(listener), -EAGAIN);
    const client = connected(listener);
    const fd = keep(acceptConnection(listener));
    assert.ok(fd >= 0);
    const from = acceptedFrom();
    assert.deepEqual(from, localAddressOf(client));
    assert.deepEqual(from, remoteAddressOf(fd));
    assert.equal(isNonBlocking(fd), true);
    assert.equal(libc().fcntl(fd, F_GETFD, 0), constants.FD_CLOEXEC);
    assert.equal(acceptConnection(-1), -EBADF);
  });

  it('carry bytes by view and by address', () => {
    const ends = new Int32Array(new ArrayBuffer(8));
    checked(libc().socketpair(constants.AF_UNIX, SOCK_STREAM, 0, ends), 'pair', 'socketpair');
    const [a = -1, b = -1] = ends;
    keep(a);
    keep(b);
    const memory = new Memory(16);
    const whole = Uint8Array.of(9, 1, 2, 3, 9);
    assert.equal(libc().send(a, whole.subarray(1, 4), 3, 0), 3);
    assert.equal(libc().recvAt(b, memory.at(4, 12), 12, 0), 3);
    assert.deepEqual([...memory.bytes.subarray(3, 8)], [0, 1, 2, 3, 0]);
    assert.equal(libc().writeAt(b, memory.at(5, 2), 2), 2);
    const back = new Uint8Array(8);
    assert.equal(libc().read(a, back.subarray(2), 6), 2);
    assert.deepEqual([...back], [0, 0, 2, 3, 0, 0, 0, 0]);
    assert.equal(libc().recv(a, back, 8, constants.MSG_DONTWAIT), -1);
    assert.equal(errno(), EAGAIN);
  });

  it('do not block once they are told so', () => {
    const ends = new Int32Array(new ArrayBuffer(8));
    checked(libc().pipe(ends), 'make a pipe', 'pipe');
    for (const fd of ends) {
      keep(fd);
      assert.equal(isNonBlocking(fd), false);
      setNonBlocking(fd);
      assert.equal(isNonBlocking(fd), true);
    }
  });

  it('tell what went wrong, once', async () => {
    const listener = listening();
    const client = connected(listener);
    const accepted = keep(acceptConnection(listener));
    assert.equal(pendingError(client), 0);
    // Closed with linger 0, it resets the connection.
    const linger = Int32Array.of(1, 0);
    checked(libc().setsockopt(accepted, SOL_SOCKET, constants.SO_LINGER, linger, 8), 'set', 'setsockopt');
    open.splice(open.indexOf(accepted), 1);
    closeDescriptor(accepted);
    assert.equal(pendingError(client), os.errno.ECONNRESET);
    assert.equal(pendingError(client), 0);
    assert.equal(pendingError(-1), EBADF);
  });

  it('that cannot be used fail with an error that tells all', () => {
    const failing: [string, () => unknown][] = [
      ['setsockopt', () => setOption(-1, SOL_SOCKET, SO_REUSEADDR, 1)],
      ['getsockopt', () => getOption(-1, SOL_SOCKET, SO_REUSEADDR)],
      ['fcntl', () => setNonBlocking(-1)],
      ['fcntl', () => isNonBlocking(-1)],
      ['listen', () => checked(libc().listen(-1, 1), 'listen on nothing', 'listen')],
    ];
    for (const [syscall, fail] of failing) {
      assert.throws(fail, (error: unknown) => {
        assert.ok(error instanceof SystemError, String(error));
        assert.match(error.message, /^Cannot .+: .+ \(EBADF\)$/);
        assert.deepEqual([error.code, error.errno, error.syscall], ['EBADF', -EBADF, syscall]);
        return true;
      });
    }
  });
});
