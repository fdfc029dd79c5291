import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { getSystemErrorMap } from 'node:util';
import { Worker } from 'node:worker_threads';
import {
  closeDescriptor,
  EAGAIN,
  EBADF,
  EINVAL,
  ENOTCONN,
  errno,
  isDarwin,
  lastFailure,
  libc,
  openSocket,
  systemFailure,
} from '../../src/syscalls/index.ts';
import { collectGarbage } from '../support/collect-garbage.ts';

describe('the error number', { timeout: 60_000 }, () => {
  it('is that of the call that has just failed, 100 000 times, whatever is allocated and collected', async () => {
    const fd = openSocket(4, 'stream', 'test');
    const bytes = new Uint8Array(8);
    const { recv, close, listen, fcntl } = libc();
    const failing: [() => number, number][] = [
      [() => recv(-1, bytes, 8, 0), EBADF],
      [() => recv(fd, bytes, 8, 0), ENOTCONN],
      [() => fcntl(fd, 9_999, 0), EINVAL],
      [() => close(-1), EBADF],
      [() => listen(-1, 1), EBADF],
    ];
    let kept: object[] = [];
    for (let count = 0; count < 100_000; count++) {
      const [fail, expected] = failing[count % failing.length] as [() => number, number];
      const result = fail();
      const number = errno();
      if (result !== -1 || number !== expected)
        assert.fail(`${count}: ${result}, ${number}, not ${expected}`);
      kept.push({ count, large: new Array(16).fill(count) });
      if (count % 5_000 === 0) {
        kept = [];
        await collectGarbage();
      }
    }
    closeDescriptor(fd);
  });

  it('is each thread’s own', async () => {
    const worker = new Worker(
      `const { statSync } = require('node:fs');
       for (;;) statSync('/no/such/file', { throwIfNoEntry: false });`,
      { eval: true },
    );
    await new Promise((resolve) => worker.on('online', resolve));
    const fd = openSocket(4, 'stream', 'test');
    const bytes = new Uint8Array(8);
    for (let count = 0; count < 20_000; count++) {
      libc().recv(fd, bytes, 8, 0);
      if (errno() !== ENOTCONN) assert.fail(`${count}: ${errno()}`);
    }
    closeDescriptor(fd);
    await worker.terminate();
  });
});

describe('failures of system calls', () => {
  it('are told as Node tells them', () => {
    for (const number of [EBADF, EAGAIN, EINVAL]) {
      const [code, why] = getSystemErrorMap().get(-number) ?? [];
      const error = systemFailure('do it', 'call', number, { address: '::1', port: 80 });
      assert.equal(error.message, `Cannot do it: ${why} (${code})`);
      assert.deepEqual(
        [error.code, error.errno, error.syscall, error.address, error.port],
        [code, -number, 'call', '::1', 80],
      );
    }
    const unknown = systemFailure('do it', 'call', 9_999);
    assert.deepEqual([unknown.code, unknown.errno], ['EUNKNOWN', -9_999]);
  });

  it('are those of the last call', () => {
    libc().close(-1);
    assert.equal(lastFailure('close it', 'close').code, 'EBADF');
  });
});

describe('functions that this platform lacks', () => {
  it('say so when they are called', () => {
    const absent = isDarwin ? libc().epoll_create1 : libc().kqueue;
    assert.throws(
      () => (absent as () => number)(),
      /the C library of this platform has no (epoll_create1|kqueue)/,
    );
  });
});
