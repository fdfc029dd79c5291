import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import type { Ffi } from '../../src/syscalls/ffi/ffi.ts';
import { koffiBackend } from '../../src/syscalls/ffi/koffi.ts';
import { nodeFfiBackend } from '../../src/syscalls/ffi/node-ffi.ts';
import { collectGarbage } from '../support/collect-garbage.ts';
import { repositoryRoot, runMode } from '../support/run-program.ts';
import { runToEnd } from '../support/run-to-end.ts';

const F_GETFD = 1;
const F_SETFD = 2;

function hasNodeFfi(): boolean {
  try {
    createRequire(import.meta.url)('node:ffi');
    return true;
  } catch {
    return false;
  }
}

for (const [name, load, skip] of [
  ['koffi', koffiBackend, false],
  ['node', nodeFfiBackend, hasNodeFfi() ? false : 'this Node has none'],
] as const) {
  describe(`the foreign-function interface ${name}`, { skip, timeout: 30_000 }, () => {
    let backend: Ffi;
    const loaded = () => {
      backend ??= load();
      return backend;
    };

    it('calls functions with numbers of every kind', () => {
      const { abs, llabs, getpid, strlen, memcpy, htonl } = loaded().open({
        abs: ['i32', 'i32'],
        llabs: ['i64', 'i64'],
        getpid: ['i32'],
        strlen: ['u32', 'memory'],
        memcpy: ['address', 'memory', 'address', 'u32'],
        htonl: ['u32', 'u32'],
      });
      assert.equal(loaded().name, name);
      assert.equal(getpid?.(), process.pid);
      assert.deepEqual([abs?.(-5), abs?.(-0), abs?.(2 ** 31 - 1)], [5, 0, 2 ** 31 - 1]);
      assert.deepEqual([llabs?.(-(2 ** 40)), llabs?.(3)], [2 ** 40, 3]);
      assert.equal(htonl?.(0xff), 0xff00_0000);
      assert.equal(strlen?.(new TextEncoder().encode('tulip\0')), 5);
      const source = Uint8Array.of(1, 2, 3);
      const target = new Uint8Array(8);
      const place = memcpy?.(target.subarray(2, 5), loaded().addressOf(source), 3);
      assert.deepEqual([...target], [0, 0, 1, 2, 3, 0, 0, 0]);
      assert.equal(place, loaded().addressOf(target) + 2);
      assert.ok(Number.isSafeInteger(place));
    });

    it('passes null where there is no memory', () => {
      const { time } = loaded().open({ time: ['i64', 'memory'] });
      const now = time?.(null) ?? 0;
      assert.ok(Math.abs(now - Date.now() / 1_000) < 10);
    });

    it('passes variadic arguments where C looks for them', () => {
      const { fcntl, dup, close } = loaded().open({
        fcntl: ['i32', 'i32', 'i32', '...', 'i32'],
        dup: ['i32', 'i32'],
        close: ['i32', 'i32'],
      });
      const fd = dup?.(2) ?? -1;
      for (const flag of [1, 0, 1]) {
        assert.equal(fcntl?.(fd, F_SETFD, flag), 0);
        assert.equal(fcntl?.(fd, F_GETFD, 0), flag);
      }
      assert.equal(close?.(fd), 0);
    });

    it('has null for functions and symbols that are not there', () => {
      const table = loaded().open({ no_such_function: ['i32'], getpid: ['i32'] });
      assert.equal(table.no_such_function, null);
      assert.notEqual(table.getpid, null);
      assert.equal(loaded().addressOfSymbol('no_such_symbol'), null);
      assert.ok((loaded().addressOfSymbol('free') ?? 0) > 0);
      assert.throws(() => loaded().open({ getpid: ['i32'] }, '/no/such/library.so'));
    });

    it('shows native memory as it is', () => {
      const { calloc, free, strlen } = loaded().open({
        calloc: ['address', 'u32', 'u32'],
        free: ['void', 'address'],
        strlen: ['u32', 'address'],
      });
      const address = calloc?.(1, 16) ?? 0;
      const view = new Uint8Array(loaded().viewAt(address, 16));
      assert.deepEqual([...view], new Array(16).fill(0));
      view.set([65, 66, 67]);
      assert.equal(strlen?.(address), 3);
      assert.equal(free?.(address), undefined);
    });

    it('has C call back, whatever is collected meanwhile', async () => {
      const { qsort } = loaded().open({ qsort: ['void', 'memory', 'u32', 'u32', 'address'] });
      const numbers = Int32Array.from({ length: 100 }, (_, index) => (index * 37) % 101);
      const seen: number[] = [];
      const compare = loaded().callback(['i32', 'address', 'address'], (a = 0, b = 0) => {
        seen.push(a);
        const [first = 0, second = 0] = [a, b].map((at) => new Int32Array(loaded().viewAt(at, 4))[0]);
        return first - second;
      });
      await collectGarbage();
      qsort?.(numbers, numbers.length, 4, compare.address);
      compare.release();
      assert.deepEqual(
        [...numbers],
        [...numbers].sort((a, b) => a - b),
      );
      assert.ok(seen.length >= 99);
    });

    it('watches a descriptor in Node’s loop', async () => {
      const { watch } = loaded();
      assert.ok(watch !== null);
      const { ends, readEnd, writeEnd, byte, write, read, close } = openPipe(loaded());
      let called = 0;
      await new Promise<void>((resolve) => {
        const watched = watch(readEnd, () => {
          read?.(readEnd, byte, 1);
          if (++called < 3) write?.(writeEnd, byte, 1);
          else {
            watched.close();
            watched.close();
            watched.ref();
            resolve();
          }
        });
        watched.unref();
        watched.ref();
        write?.(writeEnd, byte, 1);
      });
      write?.(writeEnd, byte, 1);
      await collectGarbage();
      assert.equal(called, 3);
      for (const fd of ends) close?.(fd);
      assert.equal(typeof loaded().currentUvLoop(), 'number');
    });

    it('has Node’s loop note that a descriptor is readable, and calls nothing', async () => {
      const { flag } = loaded();
      assert.ok(flag !== null);
      const { ends, readEnd, writeEnd, byte, write, read, close } = openPipe(loaded());
      // The second one comes after a look of Node's at all descriptors.
      const looked = () =>
        new Promise<void>((resolve) => void setImmediate(() => void setImmediate(() => resolve())));
      const flagged = flag(readEnd);
      await looked();
      assert.equal(flagged.take(), false);
      for (let round = 0; round < 3; round++) {
        write?.(writeEnd, byte, 1);
        await looked();
        assert.equal(flagged.take(), true);
        assert.equal(flagged.take(), false, 'until Node looks again');
        await looked();
        assert.equal(flagged.take(), true, 'it is readable still');
        read?.(readEnd, byte, 1);
        await looked();
        flagged.take();
        await looked();
        assert.equal(flagged.take(), false);
      }
      flagged.unref();
      flagged.ref();
      write?.(writeEnd, byte, 1);
      await looked();
      flagged.close();
      flagged.close();
      flagged.ref();
      await looked();
      assert.equal(flagged.take(), false, 'its memory is gone');
      for (const fd of ends) close?.(fd);
    });
  });
}

/** A pipe, and what it takes to use it. */
function openPipe(ffi: Ffi) {
  const { pipe, ...calls } = ffi.open({
    pipe: ['i32', 'memory'],
    write: ['i32', 'i32', 'memory', 'u32'],
    read: ['i32', 'i32', 'memory', 'u32'],
    close: ['i32', 'i32'],
  });
  const ends = new Int32Array(2);
  pipe?.(ends);
  const [readEnd = -1, writeEnd = -1] = ends;
  return { ...calls, ends, readEnd, writeEnd, byte: Uint8Array.of(1) };
}

describe('without a foreign-function interface', { timeout: 60_000 }, () => {
  it('named by TULIPA_FFI, asking for it says which there are', async () => {
    const { stdout } = await runToEnd('test/syscalls/asking.ts', [], { env: { TULIPA_FFI: 'pigeon' } });
    assert.deepEqual(JSON.parse(stdout), {
      name: 'NotSupportedError',
      code: 'ERR_NOT_SUPPORTED',
      feature: 'ffi',
      message:
        "Cannot call the kernel: there is no foreign-function interface 'pigeon'; there are koffi, node",
    });
  });

  it('the one that TULIPA_FFI names is taken, if it loads', async () => {
    const ask = async (name: string) =>
      JSON.parse((await runToEnd('test/syscalls/asking.ts', [], { env: { TULIPA_FFI: name } })).stdout);
    assert.deepEqual(await ask('koffi'), 'koffi');
    assert.deepEqual(await ask(''), 'koffi');
    const node = await ask('node');
    if (hasNodeFfi()) assert.deepEqual(node, 'node');
    else
      assert.match(node.message, /^Cannot call the kernel: no foreign-function interface loads \(.*node:ffi/);
  });

  it('installed, it says what each of them lacks; Node’s own is taken where there is one', (t) => {
    if (runMode === 'compat') {
      t.skip('runs the sources');
      return;
    }
    const folder = mkdtempSync(join(tmpdir(), 'tulipa-'));
    try {
      for (const part of ['interface', 'syscalls']) {
        cpSync(join(repositoryRoot, 'src', part), join(folder, 'src', part), { recursive: true });
      }
      writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
      const program = join(folder, 'test/syscalls/asking.ts');
      mkdirSync(dirname(program), { recursive: true });
      cpSync(join(repositoryRoot, 'test/syscalls/asking.ts'), program);
      const ask = (...flags: string[]) =>
        JSON.parse(
          spawnSync(process.execPath, [...flags, program], {
            encoding: 'utf8',
            env: { ...process.env, TULIPA_FFI: '', NODE_PATH: '' },
          }).stdout,
        );
      assert.equal(ask(), 'node');
      const { name, message } = ask('--no-experimental-ffi');
      assert.equal(name, 'NotSupportedError');
      assert.match(message, /no foreign-function interface loads \(.*'koffi'.*; .*node:ffi.*\)$/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
