import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createFileHandler } from '../../../src/cli/web/file-server.ts';
import { type HttpExchange, serveHttp } from '../../../src/cli/web/http-server.ts';
import type { InternetAddress } from '../../../src/interface/index.ts';
import { run } from '../../../src/runtime/index.ts';
import { ask, converse } from './raw-client.ts';

const outside = mkdtempSync(join(tmpdir(), 'tulipa-files-'));
const root = join(outside, 'root');
const large = Buffer.alloc(3_000_000, 'tulipa ');

before(() => {
  for (const folder of ['root', 'root/sub', 'root/empty', 'root/.hidden', 'root/.well-known', 'root-2']) {
    mkdirSync(join(outside, folder));
  }
  for (const [name, text] of Object.entries({
    'secret.txt': 'secret',
    'root-2/secret.txt': 'secret',
    'root/index.html': '<p>home</p>',
    'root/a b&c%.txt': 'odd name',
    'root/empty.css': '',
    'root/large.bin': large,
    'root/sub/page.html': '<p>page</p>',
    'root/sub/<i>.txt': 'markup',
    'root/.hidden/file.txt': 'secret',
    'root/.env': 'secret',
    'root/.well-known/ok.json': '{}',
  })) {
    writeFileSync(join(outside, name), text);
  }
  symlinkSync('sub/page.html', join(root, 'inside-link.html'));
  symlinkSync('../secret.txt', join(root, 'outside-link.txt'));
  symlinkSync('..', join(root, 'outside-folder'));
  symlinkSync('nowhere', join(root, 'dangling'));
  symlinkSync('circle', join(root, 'circle'));
  assert.equal(spawnSync('sh', ['-c', 'mkfifo "$1"', 'sh', join(root, 'pipe')]).status, 0);
});
after(() => rmSync(outside, { recursive: true, force: true }));

interface Answer {
  status: number;
  headers: Map<string, string>;
  body: string;
}

/** Asks a file server for raw targets, as no browser would send them, one connection each. */
async function request(targets: readonly string[], method = 'GET'): Promise<Answer[]> {
  const answers: Answer[] = [];
  await run(async () => {
    const server = await serveHttp(await createFileHandler(root), { host: '127.0.0.1' });
    const { port } = server.sockets[0] as InternetAddress;
    for (const target of targets) {
      const { text } = await ask(
        port,
        `${method} ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
      );
      const [head = '', ...rest] = text.split('\r\n\r\n');
      const [line = '', ...fields] = head.split('\r\n');
      const headers = fields.map((field) => field.split(': ') as [string, string]);
      answers.push({
        status: Number(line.split(' ')[1]),
        headers: new Map(headers),
        body: rest.join('\r\n\r\n'),
      });
    }
    await server.stop({ grace: 0 });
  });
  return answers;
}

async function requestOne(target: string, method?: string): Promise<Answer> {
  const [answer] = await request([target], method);
  assert.ok(answer);
  return answer;
}

describe('the file server', () => {
  it('sends files with their type and length, of any name and size', async () => {
    const [page, odd, empty, known, bytes] = await request([
      '/sub/page.html',
      '/a%20b&c%25.txt?query',
      '/empty.css',
      'http://anybody/.well-known/ok.json',
      '/large.bin',
    ]);
    assert.deepEqual([page?.status, page?.body], [200, '<p>page</p>']);
    assert.equal(page?.headers.get('Content-Type'), 'text/html; charset=utf-8');
    assert.equal(page?.headers.get('X-Content-Type-Options'), 'nosniff');
    assert.deepEqual(
      [odd?.body, odd?.headers.get('Content-Type')],
      ['odd name', 'text/plain; charset=utf-8'],
    );
    assert.deepEqual([empty?.status, empty?.body, empty?.headers.get('Content-Length')], [200, '', '0']);
    assert.equal(known?.headers.get('Content-Type'), 'application/json; charset=utf-8');
    assert.equal(bytes?.headers.get('Content-Type'), 'application/octet-stream');
    assert.equal(bytes?.headers.get('Content-Length'), '3000000');
    assert.ok(bytes?.body === large.toString('latin1'));
  });

  it('answers HEAD without the file, and other methods with 405', async () => {
    const head = await requestOne('/large.bin', 'HEAD');
    assert.deepEqual([head.status, head.headers.get('Content-Length'), head.body], [200, '3000000', '']);
    const post = await requestOne('/large.bin', 'DELETE');
    assert.deepEqual([post.status, post.headers.get('Allow')], [405, 'GET, HEAD']);
  });

  it('shows the index of a folder, or lists it, and leads to the slash at its end', async () => {
    const [home, sub, noSlash, fileAsFolder] = await request(['/', '/sub/', '//sub?a=b', '/sub/page.html/']);
    assert.equal(home?.body, '<p>home</p>');
    assert.match(sub?.body ?? '', /<a href="\.\/page\.html">page\.html<\/a>/);
    assert.match(sub?.body ?? '', /<a href="\.\/%3Ci%3E\.txt">&lt;i&gt;\.txt<\/a>/);
    assert.match(sub?.body ?? '', /<a href="\.\/\.\.\/">/);
    assert.deepEqual([noSlash?.status, noSlash?.headers.get('Location')], [301, '/sub/?a=b']);
    assert.equal(fileAsFolder?.status, 404);
    assert.ok(!(await requestOne('/empty/')).body.includes('./x'));
  });

  it('lists nothing that is hidden', async () => {
    rmSync(join(root, 'index.html'));
    try {
      const { body } = await requestOne('/');
      assert.match(body, /\.\/sub\/"/);
      assert.match(body, /well-known/);
      assert.ok(!body.includes('hidden') && !body.includes('.env') && !body.includes('../'));
    } finally {
      writeFileSync(join(root, 'index.html'), '<p>home</p>');
    }
  });

  it('never leaves its folder, however it is asked', async () => {
    const targets = [
      '/../secret.txt',
      '/sub/../../secret.txt',
      '/%2e%2e/secret.txt',
      '/.%2e/secret.txt',
      '/%2E%2E%2Fsecret.txt',
      '/..%2fsecret.txt',
      '/..%5csecret.txt',
      '/..\\secret.txt',
      '/sub/%2e%2e/%2e%2e/secret.txt',
      '/%252e%252e/secret.txt',
      '/%c0%ae%c0%ae/secret.txt',
      '/../root-2/secret.txt',
      '/secret.txt%00.html',
      '/%00',
      '/%',
      '/%zz',
      '//etc/passwd',
      '/etc/passwd',
      `/${outside}/secret.txt`,
      'http://a/../secret.txt',
      '*',
      'secret.txt',
      '/outside-link.txt',
      '/outside-folder/',
      '/outside-folder/secret.txt',
      '/.env',
      '/%2eenv',
      '/.hidden/file.txt',
      '/sub/../.env',
      '/dangling',
      '/circle',
      '/pipe',
      '/nothing',
      `/${'x'.repeat(300)}`,
    ];
    const answers = await request(targets);
    for (const [at, { status, body }] of answers.entries()) {
      const target = targets[at] ?? '';
      assert.equal(status, target.startsWith('/outside-') ? 403 : 404, target);
      assert.ok(!body.includes('secret'), target);
    }
    assert.equal((await requestOne('/inside-link.html')).body, '<p>page</p>');
  });

  it('says no where reading is not permitted', async () => {
    writeFileSync(join(root, 'locked.txt'), 'secret', { mode: 0 });
    chmodSync(outside, 0o755);
    // Root may read all, and so steps down meanwhile.
    const isRoot = process.getuid?.() === 0;
    if (isRoot) process.seteuid?.('nobody');
    try {
      assert.equal((await requestOne('/locked.txt')).status, 403);
      assert.equal((await requestOne('/index.html')).status, 200);
    } finally {
      if (isRoot) process.seteuid?.(0);
    }
  });

  it('closes every file, also when the client leaves in the middle', async () => {
    await run(async () => {
      const handler = await createFileHandler(root);
      const exchanges: HttpExchange[] = [];
      let done = () => {};
      const allDone = new Promise<void>((resolve) => {
        done = resolve;
      });
      const onExchange = (exchange: HttpExchange) => {
        exchanges.push(exchange);
        if (exchanges.length === 20) done();
      };
      const server = await serveHttp(handler, { host: '127.0.0.1', onExchange });
      const { port } = server.sockets[0] as InternetAddress;
      const before = openDescriptors();
      for (let round = 0; round < 20; round += 1) {
        await converse(port, (socket) => {
          socket.once('data', () => socket.resetAndDestroy());
          socket.write('GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n');
        });
      }
      await allDone;
      await server.stop({ grace: 0 });
      // Closing a file takes a moment in a thread of its own.
      for (let turns = 0; turns < 1000 && openDescriptors() > before; turns += 1)
        await new Promise(setImmediate);
      assert.ok(openDescriptors() <= before, `${openDescriptors()} descriptors are open, not ${before}`);
    });
  });

  it('refuses a root that is no folder', async () => {
    for (const [folder, code] of [
      [join(root, 'nothing'), 'ENOENT'],
      [join(root, 'index.html'), 'ENOTDIR'],
    ] as const) {
      await assert.rejects(run(createFileHandler(folder)), { code });
    }
  });
});

function openDescriptors(): number {
  return readdirSync('/dev/fd').length;
}
