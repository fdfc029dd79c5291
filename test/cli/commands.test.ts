import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { type ProgramEnd, RunningProgram } from './running-program.ts';

const MAIN = 'src/cli/main.ts';

async function tulipa(test: TestContext, ...args: string[]): Promise<ProgramEnd> {
  return await new RunningProgram(test, MAIN, args).end();
}

/** One line on standard error, nothing else, and no stack trace. */
function assertComplains(end: ProgramEnd, code: number, complaint: RegExp): void {
  assert.match(end.stderr, complaint);
  assert.match(end.stderr, /^tulipa: [^\n]*\n$/);
  assert.deepEqual([end.code, end.stdout], [code, '']);
}

/** A folder that is gone after the test. */
function temporaryFolder(test: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'tulipa-commands-'));
  test.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A port on which nobody listens, as far as that can be had. */
async function vacantPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

describe('tulipa', { timeout: 120_000, concurrency: 2 }, () => {
  it('helps those who ask, and those who say nothing', async (test) => {
    const helped = await tulipa(test, '--help');
    assert.equal(helped.code, 0);
    for (const command of ['crawl', 'serve', 'demo', 'loops'])
      assert.match(helped.stdout, new RegExp(`^ +${command}`, 'm'));
    const silent = await tulipa(test);
    assert.deepEqual([silent.code, silent.stdout], [2, '']);
    assert.match(silent.stderr, /Usage: tulipa/);
  });

  const wrongLines: [string[], RegExp][] = [
    [['bogus'], /unknown command 'bogus'/],
    [['demo', '--bogus'], /unknown option '--bogus'/],
    [['demo', 'extra'], /too many arguments/],
    [['demo', '--loop', 'bogus'], /Allowed choices are node, /],
    [['demo', '--max-tasks', '0'], /whole number from 1/],
    [['demo', '--max-tasks', 'many'], /whole number/],
    [['crawl'], /missing required argument 'url'/],
    [['crawl', 'http://a/', '--depth', '-1'], /whole number from 0/],
    [['crawl', 'http://a/', '--timeout', '1e3'], /whole number/],
    [['serve', '.', '--port', '65536'], /whole number from 0 to 65535/],
    [['serve', '.', '--port'], /argument missing/],
  ];
  for (const [args, complaint] of wrongLines) {
    it(`ends with 2 and one line for: ${args.join(' ')}`, async (test) => {
      assertComplains(await tulipa(test, ...args), 2, complaint);
    });
  }

  it('says of a loop that does not work here why', async (test) => {
    assertComplains(await tulipa(test, 'demo', '--loop', 'uring'), 1, /Cannot run on the loop "uring": /);
    for (const [name, complaint] of [
      ['uring', /Cannot run on the loop "uring": /],
      ['bogus', /Cannot run on the loop "bogus": there are only node/],
    ] as const) {
      const program = new RunningProgram(test, MAIN, ['demo'], { env: { TULIPA_LOOP: name } });
      assertComplains(await program.end(), 1, complaint);
    }
  });
});

describe('tulipa loops', { timeout: 60_000 }, () => {
  it('lists every loop and whether it works here', async (test) => {
    const { code, stdout, stderr } = await tulipa(test, 'loops');
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(stdout, /^node +works/m);
    assert.match(stdout, /^simulation +works/m);
    for (const name of ['epoll', 'poll', 'select', 'kqueue', 'uring', 'simulation']) {
      assert.match(stdout, new RegExp(`^${name} +(?:works|does not work: \\w+)`, 'm'));
    }
  });
});

describe('tulipa demo', { timeout: 120_000 }, () => {
  it('crawls the site it serves, finds all of it, and waits for many pages at once', async (test) => {
    const { code, stdout, stderr } = await tulipa(test, 'demo', '--loop', 'node', '--max-tasks', '50');
    assert.equal(code, 0, stderr);
    assert.match(stdout, /What was found is exactly what the site knows it served/);
    assert.match(stdout, /^pages +(?:\d+.)?\d{3}/mu);
    for (const kind of ['HTTP 404', 'HTTP 500', 'ERR_REDIRECT_LOOP', 'ERR_TOO_MANY_REDIRECTS']) {
      assert.match(stdout, new RegExp(`^ +${kind} +\\d+`, 'm'));
    }
    const [, sockets] = /^sockets open at once +(\d+) +at most \(allowed: 50\)/m.exec(stdout) ?? [];
    assert.ok(Number(sockets) > 1 && Number(sockets) <= 50);
    // It takes half a second; even a machine that is busy with other things has no excuse for ten times that.
    const [, milliseconds] =
      /^200 slow pages of 100 ms each in ([\d ]+) ms with 50 tasks/m.exec(stdout) ?? [];
    assert.ok(Number(milliseconds?.replace(' ', '')) < 5000, `${milliseconds} ms`);
    assert.match(stderr, /^[\d\s]+ of [\d\s]+ pages, /m);
  });

  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    it(`prints what was done so far on ${signal}, and ends with ${code}`, async (test) => {
      const program = new RunningProgram(test, MAIN, ['demo', '--max-tasks', '1']);
      await program.says(/^[\d ]+ of [\d ]+ pages/m);
      program.kill(signal);
      const { stdout, stderr, ...end } = await program.end();
      assert.equal(end.code, code);
      assert.match(
        stderr,
        new RegExp(`Interrupted by ${signal}: \\d+ of the pages found were not fetched\n$`),
      );
      assert.match(stdout, /^pages +\d+$/m);
      assert.match(stdout, /^\d+ of 200 slow pages were fetched$/m);
      assert.ok(!/^ +at /m.test(stderr), stderr);
    });
  }

  it('does not complain when nobody reads its output to the end', async (test) => {
    const program = new RunningProgram(test, MAIN, ['demo']);
    program.closeOutput();
    const { code, stderr } = await program.end();
    assert.equal(code, 0);
    assert.ok(!stderr.includes('EPIPE'), stderr);
  });
});

describe('tulipa crawl', { timeout: 60_000 }, () => {
  it('crawls a site and reports it', async (test) => {
    const server = createServer(({ url }, response) => {
      response.writeHead(url === '/missing' ? 404 : 200, { 'Content-Type': 'text/html' });
      response.end(url === '/' ? '<a href="a">a</a><a href="missing">b</a>' : '<a href="deep/er">c</a>');
    });
    const url = await listen(test, server);
    const { code, stdout, stderr } = await tulipa(test, 'crawl', url, '--depth', '1', '--max-tasks', '2');
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(stdout, new RegExp(`^Crawled ${url} in \\d+ ms`));
    assert.match(stdout, /^pages +3$/m);
    assert.match(stdout, /^ +200 +2$/m);
    assert.match(stdout, /^ +HTTP 404 +1 +such as \S+\/missing$/m);
  });

  it('says in one line what is wrong with its URL', async (test) => {
    const port = await vacantPort();
    assertComplains(await tulipa(test, 'crawl', `http://127.0.0.1:${port}/`), 1, /ECONNREFUSED/);
    assertComplains(
      await tulipa(test, 'crawl', 'http://nowhere.invalid/'),
      1,
      /Cannot resolve nowhere\.invalid/,
    );
    assertComplains(await tulipa(test, 'crawl', 'nonsense'), 1, /Cannot crawl nonsense: it is no URL/);
    assertComplains(await tulipa(test, 'crawl', 'https://127.0.0.1/'), 1, /begins with http:\/\//);
  });

  it('reports what it has when it is interrupted', async (test) => {
    let silent = () => {};
    const stuck = new Promise<void>((resolve) => {
      silent = resolve;
    });
    const server = createServer(({ url }, response) => {
      if (url === '/silent') return silent();
      response.setHeader('Content-Type', 'text/html');
      response.end('<a href="/one">a</a><a href="/silent">b</a>');
    });
    const url = await listen(test, server);
    const program = new RunningProgram(test, MAIN, ['crawl', url, '--max-tasks', '1']);
    await stuck;
    program.kill('SIGINT');
    const { code, stdout, stderr } = await program.end();
    assert.equal(code, 130);
    assert.equal(stderr, 'Interrupted by SIGINT: 1 of the pages found were not fetched\n');
    assert.match(stdout, /^pages +2$/m);
  });
});

describe('tulipa serve', { timeout: 60_000 }, () => {
  it('serves a folder, tells where and what, and stops on SIGINT and SIGTERM', async (test) => {
    const folder = temporaryFolder(test);
    writeFileSync(join(folder, 'a.txt'), 'hello');
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      const { program, url } = await serve(test, folder);
      const answer = await fetch(`${url}a.txt`);
      assert.equal(await answer.text(), 'hello');
      assert.equal((await fetch(`${url}%2e%2e/etc/passwd`)).status, 404);
      // An open connection does not hold it up for long.
      const idle = connect(Number(new URL(url).port), '127.0.0.1').on('error', () => {});
      await once(idle, 'connect');
      program.kill(signal);
      const { code, stderr } = await program.end();
      assert.equal(code, 0);
      assert.match(
        stderr,
        /^200 5 GET \/a\.txt\n404 \d+ GET \/%2e%2e\/etc\/passwd\n$|^200 5 GET \/a\.txt\n404 /,
      );
      idle.destroy();
    }
  });

  it('says in one line why it cannot serve', async (test) => {
    const folder = temporaryFolder(test);
    writeFileSync(join(folder, 'file'), '');
    assertComplains(await tulipa(test, 'serve', join(folder, 'none')), 1, /there is no such folder/);
    assertComplains(await tulipa(test, 'serve', join(folder, 'file')), 1, /it is no folder/);
    const { url } = await serve(test, folder);
    const { port } = new URL(url);
    const taken = await tulipa(test, 'serve', folder, '--port', port);
    assertComplains(taken, 1, new RegExp(`Cannot listen on 127\\.0\\.0\\.1:${port}: .*EADDRINUSE`));
    assertComplains(await tulipa(test, 'serve', folder, '--host', 'nowhere.invalid'), 1, /nowhere\.invalid/);
  });

  it('survives more connections than it has descriptors, and serves the next client', async (test) => {
    const folder = temporaryFolder(test);
    writeFileSync(join(folder, 'a.txt'), 'hello');
    // Fewer than there are clients, but enough for Node to read its modules, many at once.
    const { program, url } = await serve(test, folder, (words) => [
      'sh',
      '-c',
      'ulimit -n 200; exec "$@"',
      'sh',
      ...words,
    ]);
    const port = Number(new URL(url).port);
    const sockets = await Promise.all(Array.from({ length: 300 }, () => openQuietly(port)));
    for (const socket of sockets) socket.destroy();
    let answer = '';
    for (let tries = 0; tries < 100 && answer === ''; tries += 1) {
      answer = await fetch(`${url}a.txt`).then(
        (response) => response.text(),
        () => '',
      );
    }
    assert.equal(answer, 'hello');
    program.kill('SIGINT');
    assert.equal((await program.end()).code, 0);
  });
});

async function serve(
  test: TestContext,
  folder: string,
  wrap?: (words: string[]) => string[],
): Promise<{ program: RunningProgram; url: string }> {
  const program = new RunningProgram(
    test,
    MAIN,
    ['serve', folder, '--port', '0'],
    wrap === undefined ? {} : { wrap },
  );
  const [, url = ''] = await program.says(/^Serving .* on (http:\/\/127\.0\.0\.1:\d+\/) /m);
  return { program, url };
}

/** Ends when the connection is there, or is not to be had. */
async function openQuietly(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  await new Promise((resolve) => {
    socket.on('connect', resolve);
    socket.on('error', resolve);
  });
  return socket;
}

async function listen(test: TestContext, server: ReturnType<typeof createServer>): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  test.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as { port: number }).port}/`;
}
