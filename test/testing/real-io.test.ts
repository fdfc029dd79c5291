import assert from 'node:assert/strict';
import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks';
import { exec, spawn, spawnSync } from 'node:child_process';
import crypto, { pbkdf2, pbkdf2Sync, randomBytes, randomFill } from 'node:crypto';
import dgram from 'node:dgram';
import dns, { lookup } from 'node:dns';
import fs, { readFile, readFileSync, watch } from 'node:fs';
import { readFile as readFilePromise } from 'node:fs/promises';
import http from 'node:http';
import net from 'node:net';
import { PassThrough } from 'node:stream';
import { describe, it } from 'node:test';
import timers from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import zlib, { gunzipSync, gzip, gzipSync } from 'node:zlib';
import { StateError, sleep } from 'tulipa';
import { simulate } from 'tulipa/testing';
import { newEventLoop } from '../../src/runtime/index.ts';
import { guardRealIo } from '../../src/testing/real-io.ts';
import { RealIoError } from '../../src/testing/real-io-error.ts';
import { inSimulation } from './in-simulation.ts';

const here = fileURLToPath(import.meta.url);

/** What is reported while it runs, and goes on for 10 ms of virtual time. */
async function attempts(program: () => unknown): Promise<RealIoError[]> {
  const seen: RealIoError[] = [];
  await inSimulation(
    () =>
      async function main() {
        try {
          await Promise.race([program(), sleep(10)]);
        } catch (error) {
          // Node wraps some of them.
          if (seen.length === 0) throw error;
        }
        await sleep(10);
      },
    () => guardRealIo((attempt) => void seen.push(attempt)),
  );
  return seen;
}

const refused: Record<string, [what: string, program: () => unknown]> = {
  setTimeout: ['a real timer', () => clearTimeout(setTimeout(() => {}, 1))],
  setInterval: ['a real timer', () => clearInterval(setInterval(() => {}, 1))],
  setImmediate: ['a real immediate', () => clearImmediate(setImmediate(() => {}))],
  'setTimeout of node:timers/promises': [
    'a real timer',
    () => void timers.setTimeout(1, undefined, { ref: false }),
  ],
  'AbortSignal.timeout': ['a real timer', () => AbortSignal.timeout(1)],
  'fs.readFile': ['what a thread does with files', () => readFile(here, () => {})],
  'fs.promises.readFile': ['what a thread does with files', () => readFilePromise(here)],
  'fs.createReadStream': ['what a thread does with files', () => fs.createReadStream(here).read()],
  'fs.watch': ['news of files', () => watch(here).close()],
  'net.connect': ['a connection', () => net.connect(1, '127.0.0.1')],
  'net.connect by name': ['a connection', () => net.connect(1, 'localhost')],
  listen: ['a server', () => net.createServer().listen(0)],
  'dgram.createSocket': ['a datagram socket', () => dgram.createSocket('udp4').close()],
  'http.get': ['a connection', () => http.get('http://127.0.0.1:1/')],
  fetch: ['fetch', () => fetch('http://127.0.0.1:1/')],
  'dns.lookup': ['a look-up of names', () => lookup('127.0.0.1.invalid', () => {})],
  'dns.promises.lookup': ['a look-up of names', () => dns.promises.lookup('127.0.0.1.invalid')],
  spawn: ['a child process', () => spawn('true')],
  exec: ['a child process', () => exec('true')],
  Worker: ['a thread', () => new Worker('', { eval: true })],
  MessageChannel: ['a message port', () => new MessageChannel().port1.close()],
  'process.on(SIGHUP)': [
    'a signal',
    () => {
      const ignore = () => {};
      process.on('SIGHUP', ignore);
      process.off('SIGHUP', ignore);
    },
  ],
  'process.exit': ['the end of the process', () => process.exit(0)],
  'process.kill': ['a signal to a process', () => process.kill(process.pid, 0)],
  gzip: ['compression by a thread', () => gzip('x', () => {})],
  'zlib streams': ['compression by a thread', () => zlib.createGzip().end('x')],
  pbkdf2: ['cryptography by a thread', () => pbkdf2('a', 'b', 1, 8, 'sha1', () => {})],
  'randomBytes with a callback': ['cryptography by a thread', () => randomBytes(4, () => {})],
  'randomFill with a callback': ['cryptography by a thread', () => randomFill(new Uint8Array(4), () => {})],
  'crypto.subtle.digest': [
    'cryptography by a thread',
    () => crypto.subtle.digest('SHA-1', new Uint8Array(4)),
  ],
};

const passing: Record<string, () => unknown> = {
  'promises and ticks': async () => {
    await Promise.all([1, Promise.resolve(2)]);
    await new Promise<void>((resolve) => process.nextTick(resolve));
    await new Promise<void>((resolve) => queueMicrotask(resolve));
  },
  'waiting on the loop': () => sleep(5),
  'async resources of programs': () => {
    new AsyncResource('TCPWRAP').emitDestroy();
    new AsyncLocalStorage().run(1, () => {});
  },
  'what blocks': () => {
    assert.ok(readFileSync(here).length > 0);
    assert.equal(fs.opendirSync('/').closeSync(), undefined);
    assert.equal(spawnSync(process.execPath, ['--version']).status, 0);
    assert.equal(gunzipSync(gzipSync('abc')).toString(), 'abc');
    assert.equal(pbkdf2Sync('a', 'b', 1, 8, 'sha1').length, 8);
    assert.equal(randomBytes(4).length, 4);
    assert.equal(crypto.getRandomValues(new Uint8Array(4)).length, 4);
    crypto.generateKeyPairSync('ed25519');
  },
  printing: () => {
    process.stdout.write('');
    console.debug('');
  },
  'streams of the Web in memory': async () => {
    assert.equal(await new Blob(['a', 'b']).text(), 'ab');
    assert.equal(await new Response('abc').text(), 'abc');
    assert.equal(await (await fetch('data:,abc')).text(), 'abc');
  },
  'modules that are loaded': async () => {
    assert.equal((await import('node:fs')).default, fs);
  },
  'HTTP of Node on a stream in memory': async () => {
    const server = http.createServer((_request, response) => response.end('hello'));
    const socket = new PassThrough();
    server.emit('connection', socket);
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await sleep(1);
  },
};

describe('the guard against real I/O', () => {
  for (const [name, [what, program]] of Object.entries(refused)) {
    it(`reports ${name}, with its place`, async () => {
      const [first] = await attempts(program);
      assert.ok(first instanceof RealIoError);
      assert.equal(first.what, what);
      assert.equal(first.code, 'ERR_REAL_IO');
      // It opens the file in a tick of its own.
      if (name !== 'fs.createReadStream') assert.match(String(first.stack), /real-io\.test\.[tj]s/);
    });
  }

  for (const [name, program] of Object.entries(passing)) {
    it(`lets pass: ${name}`, async () => {
      assert.deepEqual(await attempts(program), []);
    });
  }

  it('throws at the call, before anything has happened, where that can be', async () => {
    for (const name of ['net.connect', 'listen', 'spawn', 'Worker', 'pbkdf2', 'http.get'] as const) {
      const program = refused[name]?.[1] as () => unknown;
      await attempts(() => assert.throws(program, { code: 'ERR_REAL_IO' }, name));
    }
    await attempts(() => assert.rejects(fetch('http://127.0.0.1:1/'), { code: 'ERR_REAL_IO' }));
  });

  it('says of a module that it is not loaded yet, where loading one takes a thread (Node 20)', async () => {
    let loaded = false;
    const seen = await attempts(async () => {
      await import('../support/random.ts');
      loaded = true;
    });
    const expected = loaded ? [] : ['a module that is not loaded yet'];
    assert.deepEqual([...new Set(seen.map(({ what }) => what))], expected);
    for (const { message } of seen) assert.match(message, /import it before the simulation begins/);
  });

  it('recommends globals for a real timer', async () => {
    const [first] = await attempts(refused['setTimeout']?.[1] as () => unknown);
    assert.match(String(first?.message), /globals: true/);
  });

  it('ends with its run: what comes after is nobody’s business', async () => {
    const seen: unknown[] = [];
    const { connect } = net.Socket.prototype;
    const before = Object.getOwnPropertyDescriptor(globalThis, 'fetch');
    const leave = guardRealIo((attempt) => void seen.push(attempt));
    leave();
    assert.equal(net.Socket.prototype.connect, connect);
    assert.deepEqual(Object.getOwnPropertyDescriptor(globalThis, 'fetch'), before);
    await timers.setTimeout(1);
    assert.deepEqual(seen, []);
  });

  it('is there once', () => {
    const leave = guardRealIo(() => {});
    try {
      assert.throws(
        () => guardRealIo(() => {}),
        (error) => error instanceof StateError && error.code === 'ERR_SIMULATION_RUNNING',
      );
    } finally {
      leave();
    }
  });

  it('need not look at other loops: none runs inside of one that does', async () => {
    await attempts(() => {
      const other = newEventLoop({ driver: 'node' });
      assert.throws(() => other.runOnce(0), { code: 'ERR_LOOP_RUNNING' });
      other.close();
    });
  });
});

describe('real I/O in a simulation', () => {
  it('fails it, even if the program catches the refusal', async () => {
    const scenario = async () => {
      await assert.rejects(fetch('http://127.0.0.1:1/'));
      await sleep(1000);
      return 'went on';
    };
    await assert.rejects(
      simulate(scenario),
      (error) => error instanceof RealIoError && error.what === 'fetch',
    );
  });

  it('fails it on any host, and when nothing refuses it', async () => {
    const scenario = async () => {
      await new Promise((resolve) => readFile(here, resolve));
    };
    await assert.rejects(
      simulate(function* (sim) {
        sim.host('a', scenario);
        yield* sleep(1000);
      }),
      { code: 'ERR_REAL_IO' },
    );
  });

  it('is what timers are without globals, and not with them', async () => {
    const scenario = () => async () => void (await new Promise((resolve) => setTimeout(resolve, 1)));
    await assert.rejects(simulate(scenario()), { code: 'ERR_REAL_IO', message: /globals: true/ });
    await simulate(scenario(), { globals: true });
  });
});
