import assert from 'node:assert/strict';
import { pbkdf2Sync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer, get } from 'node:http';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { HttpAgent } from '../../src/adapters/node/http.ts';
import { installTimers, serve } from '../../src/adapters/node/index.ts';
import {
  formatWhyRunning,
  type PastLoopEntry,
  type PastLoopMeter,
  watchPastLoop,
  whyRunning,
} from '../../src/debug/index.ts';
import { getRunningLoop, openConnection, run, sleep, startServer } from '../../src/index.ts';
import { driversOffering } from '../../src/runtime/index.ts';
import { runToEnd } from '../support/run-to-end.ts';

/** What packages do behind a program's back, in the spelling of ES modules and of CommonJS. */
interface Package {
  wait(milliseconds: number): Promise<void>;
  immediately(): Promise<void>;
  forever(): () => void;
  connect(port: number): Socket;
  listen(): Promise<import('node:net').Server>;
  read(file: string): Promise<string>;
  readInParts(file: string): Promise<number>;
  lookUp(): Promise<unknown>;
  derive(): Promise<void>;
  digest(): Promise<unknown>;
  compress(): Promise<void>;
  start(command: string): Promise<void>;
}

const body = `
async function wait(ms) { await null; await new Promise((resolve) => setTimeout(resolve, ms)); }
const immediately = () => new Promise((resolve) => setImmediate(resolve));
const forever = () => { const timer = setInterval(() => {}, 1e6); return () => clearInterval(timer); };
const connect = (port) => net.connect(port, '127.0.0.1');
const listen = () => new Promise((resolve) => {
  const server = net.createServer((socket) => socket.end()).listen(0, '127.0.0.1', () => resolve(server));
});
async function read(file) { await null; return await fs.promises.readFile(file, 'utf8'); }
async function readInParts(file) {
  let size = 0;
  await new Promise((resolve) => fs.createReadStream(file).on('data', (part) => { size += part.length; }).on('close', resolve));
  return size;
}
const lookUp = () => dns.promises.lookup('localhost');
const derive = () => new Promise((resolve) => crypto.pbkdf2('a', 'b', 1, 8, 'sha1', () => resolve()));
const digest = () => crypto.subtle.digest('SHA-256', new Uint8Array(8));
const compress = () => new Promise((resolve) => zlib.gzip('text', () => resolve()));
const start = (command) => new Promise((resolve) => child.execFile(command, ['--version'], () => resolve()));
`;
const names = Object.entries({
  net: 'net',
  fs: 'fs',
  dns: 'dns',
  crypto: 'crypto',
  zlib: 'zlib',
  child: 'child_process',
});
const functions =
  '{ wait, immediately, forever, connect, listen, read, readInParts, lookUp, derive, digest, compress, start }';
const asModule = `${names.map(([name, from]) => `import ${name} from 'node:${from}';`).join('\n')}${body}export ${functions};\n`;
const asScript = `${names.map(([name, from]) => `const ${name} = require('node:${from}');`).join('\n')}${body}module.exports = ${functions};\n`;

let folder = '';

function install(name: string, extension: string, text: string): Promise<Package> {
  const file = join(folder, 'node_modules', name, `index.${extension}`);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  return import(pathToFileURL(file).href) as Promise<Package>;
}

/** `kind` → how often, of one package. */
function countsOf(meter: PastLoopMeter, name: string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const entry of meter.report().entries) {
    if (entry.package === name) counts[entry.kind] = (counts[entry.kind] ?? 0) + entry.count;
  }
  return counts;
}

function entryOf(meter: PastLoopMeter, name: string, kind: string): PastLoopEntry {
  const entry = meter.report().entries.find((each) => each.package === name && each.kind === kind);
  assert.ok(entry, `no ${kind} of ${name}:\n${meter.report().withStacks()}`);
  return entry;
}

/** Node tells of what has ended when it comes to immediates. */
async function nodeTurns(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
}

const self = fileURLToPath(import.meta.url);

describe('a meter of what goes past the loop', { timeout: 60_000 }, () => {
  let modern: Package;
  let scoped: Package;
  before(async () => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'tulipa-past-loop-')));
    modern = await install('modern', 'mjs', asModule);
    scoped = await install('@some/old', 'cjs', asScript);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const name of ['modern', '@some/old']) {
    it(`tells what the package ${name} has Node's loop do, of each kind, with the stack`, () =>
      run(async () => {
        const does = name === 'modern' ? modern : scoped;
        using meter = watchPastLoop();
        await does.wait(1);
        await does.wait(1);
        assert.deepEqual(countsOf(meter, name), { timer: 2 });
        const timer = entryOf(meter, name, 'timer');
        assert.match(timer.where, /wait|index\.[cm]js:\d+:\d+/);
        assert.match(timer.firstStack, /node_modules\/.*index\.[cm]js:\d+:\d+/);
        assert.ok(timer.firstStack.includes(self), timer.firstStack);
        await does.immediately();
        assert.equal(entryOf(meter, name, 'immediate').count, 1);
        await does.lookUp();
        assert.equal(entryOf(meter, name, 'name look-up').count, 1);
        const pool = () => countsOf(meter, name)['thread pool'] ?? 0;
        await does.derive();
        assert.equal(pool(), 1, String(meter.report()));
        await does.digest();
        assert.equal(pool(), 2, String(meter.report()));
        await does.compress();
        assert.ok(pool() > 2, String(meter.report()));
        const before = pool();
        await does.read(self);
        assert.ok(pool() > before, String(meter.report()));
        await does.start(process.execPath);
        assert.equal(entryOf(meter, name, 'child process').count, 1);
        assert.equal(meter.report().thread, 0);
        assert.deepEqual(
          Object.keys(countsOf(meter, name)).filter((kind) => !/^[a-z -]+$/.test(kind)),
          [],
        );
      }));
  }

  it('blames who made it for what a server, a stream or a request makes later by itself', () =>
    run(async () => {
      using meter = watchPastLoop();
      const server = await modern.listen();
      const socket = scoped.connect((server.address() as AddressInfo).port);
      await once(socket.resume(), 'close');
      server.close();
      await once(server, 'close');
      assert.equal(entryOf(meter, 'modern', 'server').count, 1);
      assert.equal(entryOf(meter, 'modern', 'socket').count, 1);
      assert.equal(entryOf(meter, '@some/old', 'socket').count, 1);
      assert.match(entryOf(meter, 'modern', 'socket').firstStack, /at listen |at \S*modern/);
      assert.ok((await scoped.readInParts(self)) > 0);
      assert.ok(entryOf(meter, '@some/old', 'thread pool').count >= 3, String(meter.report()));
    }));

  it("calls the program's own 'program', and fetch that of undici", () =>
    run(async () => {
      const server = createHttpServer((_request, response) => response.end('x')).listen(0, '127.0.0.1');
      await once(server, 'listening');
      using meter = watchPastLoop();
      await (await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)).text();
      assert.equal(entryOf(meter, 'undici', 'socket').count, 1);
      await new Promise((resolve) => setTimeout(resolve, 1));
      const { where, firstStack } = entryOf(meter, 'program', 'timer');
      assert.ok(where.includes(self) || firstStack.includes(self));
      server.close();
      server.closeAllConnections();
    }));

  for (const driver of new Set(['node', driversOffering('descriptors')[0] ?? 'node'])) {
    it(`counts nothing of what the loop itself has of Node, on ${driver}`, () =>
      run(
        async () => {
          using meter = watchPastLoop();
          const server = await startServer(
            async (reader, writer) => {
              await writer.write(await reader.readLine());
              writer.close();
            },
            { host: '127.0.0.1' },
          );
          const { host, port } = server.sockets[0] as { host: string; port: number };
          const { reader, writer } = await openConnection({ host, port });
          await writer.write('hello\n');
          assert.equal(Buffer.from(await reader.readLine()).toString(), 'hello\n');
          writer.close();
          await writer.waitClosed();
          server.close();
          await server.waitClosed();
          await sleep(2);
          await getRunningLoop().getaddrinfo('localhost', 80);
          console.log('printing is not counted');
          assert.deepEqual(meter.report().entries, [], meter.report().withStacks());
          assert.equal(
            String(meter.report()),
            'Nothing went past the loop in the main thread, the only one looked at',
          );
        },
        { driver },
      ));
  }

  it('counts no sockets and servers of Node’s libraries that were put onto the loop, nor timers', () =>
    run(async () => {
      using meter = watchPastLoop();
      const server = await serve(
        createHttpServer((_request, response) => response.end('x')),
        { host: '127.0.0.1', port: 0 },
      );
      const agent = new HttpAgent();
      const { port } = server.address() as AddressInfo;
      await new Promise<void>((resolve, reject) => {
        get({ agent, port, host: '127.0.0.1' }, (answer) => answer.resume().on('end', resolve)).on(
          'error',
          reject,
        );
      });
      agent.destroy();
      server.close();
      const uninstall = installTimers(getRunningLoop());
      await modern.wait(1);
      await modern.immediately();
      uninstall();
      const kinds = new Set(meter.report().entries.map(({ kind }) => kind));
      // Node's HTTP has timers for its own housekeeping.
      kinds.delete('timer');
      assert.deepEqual([...kinds], [], meter.report().withStacks());
      assert.deepEqual(countsOf(meter, 'modern'), {});
    }));

  it('counts nothing that blocks', () => {
    using meter = watchPastLoop();
    pbkdf2Sync('a', 'b', 1, 8, 'sha1');
    gzipSync('text');
    randomBytes(8);
    assert.deepEqual(meter.report().entries, [], meter.report().withStacks());
  });

  it('tells what has not ended yet, and whyRunning tells it too', () =>
    run(async () => {
      using meter = watchPastLoop();
      const stop = modern.forever();
      await nodeTurns();
      assert.equal(entryOf(meter, 'modern', 'timer').live, 1);
      assert.match(
        formatWhyRunning(whyRunning()),
        /^past the loop:\n {2}(?:.*\n)* {0,2}1 × timer of modern, at /m,
      );
      stop();
      await nodeTurns();
      assert.equal(entryOf(meter, 'modern', 'timer').live, 0);
      assert.equal(entryOf(meter, 'modern', 'timer').count, 1);
      assert.doesNotMatch(whyRunning().pastLoop.join(), /modern/);
      meter.stop();
      assert.deepEqual(whyRunning().pastLoop, []);
    }));

  it('keeps as many stacks as it is told, and counts the rest by kind and package', () =>
    run(async () => {
      using meter = watchPastLoop({ stacksMax: 1 });
      for (const does of [modern, scoped]) {
        await does.wait(1);
        await does.wait(1);
        does.forever()();
      }
      const rows = meter.report().entries.filter(({ package: name }) => name !== 'program');
      assert.deepEqual(
        rows.map(({ package: name, count, firstStack }) => [name, count, firstStack !== '']).sort(),
        [
          ['@some/old', 3, false],
          ['modern', 1, false],
          ['modern', 2, true],
        ],
      );
    }));

  it('counts no more once it is stopped, and keeps what it has seen', async () => {
    const meter = watchPastLoop();
    await modern.wait(1);
    meter.stop();
    meter.stop();
    await modern.wait(1);
    await modern.derive();
    assert.deepEqual(countsOf(meter, 'modern'), { timer: 1 });
  });

  it('of several each counts everything while it runs', async () => {
    using outer = watchPastLoop();
    {
      using inner = watchPastLoop();
      await modern.derive();
      assert.deepEqual(countsOf(inner, 'modern'), { 'thread pool': 1 });
    }
    await modern.derive();
    assert.deepEqual(countsOf(outer, 'modern'), { 'thread pool': 2 });
  });

  it('leaves alone how stacks are made, and programs that make their own', async () => {
    const { stackTraceLimit } = Error;
    const own = () => 'a stack';
    const previous = Error.prepareStackTrace;
    Error.prepareStackTrace = own;
    try {
      using meter = watchPastLoop();
      await modern.wait(1);
      assert.deepEqual(countsOf(meter, 'modern'), { timer: 1 });
      assert.equal(Error.prepareStackTrace, own);
      assert.equal(new Error('x').stack, 'a stack');
    } finally {
      if (previous === undefined) Reflect.deleteProperty(Error, 'prepareStackTrace');
      else Error.prepareStackTrace = previous;
    }
    assert.equal(Error.stackTraceLimit, stackTraceLimit);
  });

  it('refuses what is no number of stacks', () => {
    for (const stacksMax of [-1, 1.5, Number.NaN]) {
      assert.throws(() => watchPastLoop({ stacksMax }), RangeError);
    }
  });

  it('sees connections that a server accepts which was there before as those of Node', async () => {
    const server = createServer((socket) => socket.end()).listen(0, '127.0.0.1');
    await once(server, 'listening');
    using meter = watchPastLoop();
    await once(modern.connect((server.address() as AddressInfo).port).resume(), 'close');
    server.close();
    assert.equal(entryOf(meter, 'node', 'socket').count, 1);
  });
});

describe('TULIPA_DEBUG_PAST_LOOP', { timeout: 60_000 }, () => {
  const program = 'test/support/programs/past-loop.ts';
  const row = /^1 +\d +timer +program +\S.*past-loop\.[jt]s:\d+:\d+\)?$/m;

  it('prints at the end of a loop what went past it', async () => {
    const { stderr, code } = await runToEnd(program, [], { env: { TULIPA_DEBUG_PAST_LOOP: '1' } });
    assert.equal(code, 0, stderr);
    assert.match(
      stderr,
      /^What went past the loop in the main thread, the only one looked at:\ncount +live +kind/,
    );
    assert.match(stderr, row);
    assert.doesNotMatch(stderr, /^ {4}at /m);
  });

  it('prints the stacks too if it is "stacks", and nothing if it is 0', async () => {
    const { stderr } = await runToEnd(program, [], { env: { TULIPA_DEBUG_PAST_LOOP: 'stacks' } });
    assert.match(stderr, /^timer of program\n(?: {4}at .*\n)* {4}at .*past-loop\.[jt]s:\d+:\d+/m);
    const off = await runToEnd(program, [], { env: { TULIPA_DEBUG_PAST_LOOP: '0' } });
    assert.equal(off.stderr, '');
  });

  it('looks at each thread by itself', async () => {
    const { stderr, code } = await runToEnd(program, ['worker'], { env: { TULIPA_DEBUG_PAST_LOOP: '1' } });
    assert.equal(code, 0, stderr);
    const reports = stderr.split(/^(?=What went past)/m);
    const ofMain = reports.find((report) => report.includes('in the main thread')) ?? '';
    const ofWorker = reports.find((report) => report.includes('in worker thread')) ?? '';
    assert.match(ofWorker, /^What went past the loop in worker thread \d+, the only one looked at:$/m);
    assert.match(ofMain, /^1 +\d +thread +program/m);
    assert.match(ofWorker, row);
    assert.doesNotMatch(ofMain, /timer/);
  });
});
