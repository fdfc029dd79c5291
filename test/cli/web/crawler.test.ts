import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { describe, it } from 'node:test';
import { type Crawl, type CrawlOptions, createCrawl, type PageResult } from '../../../src/cli/web/crawler.ts';
import { createTask } from '../../../src/coroutines/index.ts';
import { isCancellation } from '../../../src/interface/index.ts';
import { run } from '../../../src/runtime/index.ts';

interface Site {
  readonly origin: string;
  /** the most connections that the server saw open at once */
  readonly connectionCountMax: number;
  readonly asked: string[];
  /** Ends when the server has no connection left. */
  allClosed(): Promise<void>;
}

/** Runs `test` while a server of another make serves a site. */
async function withSite(answer: RequestListener, test: (site: Site) => Promise<void>): Promise<void> {
  const asked: string[] = [];
  let connectionCount = 0;
  let connectionCountMax = 0;
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    answer(request, response);
  });
  server.on('connection', (socket) => {
    connectionCount += 1;
    connectionCountMax = Math.max(connectionCount, connectionCountMax);
    socket.on('close', () => {
      connectionCount -= 1;
      if (connectionCount === 0) server.emit('vacant');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  try {
    await run(async () => {
      await test({
        origin: `http://127.0.0.1:${address.port}`,
        asked,
        async allClosed() {
          if (connectionCount > 0) await once(server, 'vacant');
        },
        get connectionCountMax() {
          return connectionCountMax;
        },
      });
    });
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

/** Pages by path: their HTML; or a status, and where it leads. */
function pages(
  table: Readonly<Record<string, string | [status: number, location?: string]>>,
): RequestListener {
  return ({ url = '' }, response) => {
    const entry = table[url] ?? [404];
    if (typeof entry === 'string') {
      response.setHeader('Content-Type', 'text/html');
      response.end(entry);
      return;
    }
    const [status, location] = entry;
    response.writeHead(status, location === undefined ? {} : { Location: location });
    response.end('x');
  };
}

const linksTo = (...targets: string[]) => targets.map((target) => `<a href="${target}">x</a>`).join('');

async function crawlAll(origin: string, options: Partial<CrawlOptions> = {}): Promise<Crawl> {
  const crawl = createCrawl(origin, options);
  await crawl.run();
  assert.deepEqual([crawl.activeCount, crawl.foundCount], [0, crawl.doneCount]);
  return crawl;
}

/** Path and outcome of each page, in the order of the paths. */
function outcomes(crawl: Crawl): [string, PageResult['status'], PageResult['errorCode']][] {
  const { origin } = new URL(crawl.start);
  return crawl
    .results()
    .map(({ url, status, errorCode }) => [url.slice(origin.length), status, errorCode] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map((outcome) => [...outcome]);
}

describe('a crawl', () => {
  it('finds every page once, and says how each went', async () => {
    const site = pages({
      '/': linksTo('/a', 'a#x', './a', '/b?1', '/b?2', '/missing', 'https://elsewhere.invalid/', '/moved'),
      '/a': linksTo('/', '/c'),
      '/b?1': linksTo('/b?2'),
      '/b?2': '',
      '/c': '',
      '/moved': [302, '/c'],
    });
    await withSite(site, async ({ origin, asked }) => {
      const crawl = await crawlAll(`${origin}/#top`);
      assert.deepEqual(outcomes(crawl), [
        ['/', 200, null],
        ['/a', 200, null],
        ['/b?1', 200, null],
        ['/b?2', 200, null],
        ['/c', 200, null],
        ['/missing', 404, 'HTTP 404'],
        ['/moved', 302, null],
      ]);
      assert.equal(new Set(asked).size, asked.length);
      const home = crawl.results().find(({ url }) => url === `${origin}/`);
      assert.equal(
        home?.byteCount,
        linksTo('/a', 'a#x', './a', '/b?1', '/b?2', '/missing', 'https://elsewhere.invalid/', '/moved')
          .length,
      );
      assert.equal(
        crawl.byteCount,
        crawl.results().reduce((sum, { byteCount }) => sum + byteCount, 0),
      );
      assert.equal(crawl.results().find(({ url }) => url === `${origin}/moved`)?.redirect, `${origin}/c`);
    });
  });

  it('fetches so many pages at once, and never has more sockets open', async () => {
    const waiting: (() => void)[] = [];
    let waitingMax = 0;
    const site: RequestListener = ({ url }, response) => {
      const answer = () => {
        response.setHeader('Content-Type', 'text/html');
        // Every third one ends its connection, so that new ones must be opened.
        if (Number(url?.slice(1)) % 3 === 0) response.setHeader('Connection', 'close');
        response.end(url === '/' ? linksTo(...Array.from({ length: 40 }, (_, at) => `/${at + 1}`)) : '');
      };
      waiting.push(answer);
      waitingMax = Math.max(waitingMax, waiting.length);
      // The crawl is waiting for all of these at once: nothing more can come before they are answered.
      const isLastRound = asked.length > 40;
      if (url === '/' || waiting.length === 5 || isLastRound) for (const each of waiting.splice(0)) each();
    };
    let asked: string[] = [];
    await withSite(
      (request, response) => site(request, response),
      async (scene) => {
        asked = scene.asked;
        const crawl = await crawlAll(scene.origin, { tasksMax: 5 });
        assert.equal(crawl.doneCount, 41);
        assert.equal(waitingMax, 5);
        assert.equal(crawl.socketCountMax, 5);
        // The server may see a connection end after it has taken the next one.
        assert.ok(scene.connectionCountMax <= 10, `${scene.connectionCountMax}`);
      },
    );
  });

  it('goes as deep as it may', async () => {
    const site = pages({ '/': linksTo('/1'), '/1': linksTo('/2'), '/2': linksTo('/3') });
    await withSite(site, async ({ origin }) => {
      assert.equal((await crawlAll(origin, { depthMax: 2 })).doneCount, 3);
      assert.equal((await crawlAll(origin, { depthMax: 0 })).doneCount, 1);
    });
  });

  it('tells redirects that go round from those that are too many', async () => {
    const site = pages({
      '/': linksTo('/a', '/1'),
      '/a': [301, '/b'],
      '/b': [302, 'a'],
      '/1': [307, '/2'],
      '/2': [308, '/3'],
      '/3': [303, '/4'],
    });
    await withSite(site, async ({ origin }) => {
      assert.deepEqual(outcomes(await crawlAll(origin, { redirectsMax: 2 })).slice(1), [
        ['/1', 307, 'ERR_TOO_MANY_REDIRECTS'],
        ['/2', 308, 'ERR_TOO_MANY_REDIRECTS'],
        ['/3', 303, 'ERR_TOO_MANY_REDIRECTS'],
        ['/a', 301, 'ERR_REDIRECT_LOOP'],
        ['/b', 302, 'ERR_REDIRECT_LOOP'],
      ]);
    });
  });

  it('reads links out of HTML alone', async () => {
    const site: RequestListener = ({ url }, response) => {
      if (url === '/') return pages({ '/': linksTo('/text', '/error') })({ url } as never, response);
      response.writeHead(url === '/error' ? 500 : 200, {
        'Content-Type': url === '/error' ? 'text/html' : 'text/plain',
      });
      response.end(linksTo('/trap'));
    };
    await withSite(site, async ({ origin, asked }) => {
      await crawlAll(origin);
      assert.deepEqual(asked.sort(), ['/', '/error', '/text']);
    });
  });

  it('gives up pages that take too long or are too large, and goes on with the others', async () => {
    const site: RequestListener = ({ url }, response) => {
      response.setHeader('Content-Type', 'text/html');
      if (url === '/') response.end(linksTo('/silent', '/large', '/broken', '/fine'));
      else if (url === '/large') response.end('x'.repeat(2000));
      else if (url === '/broken') response.destroy();
      else if (url === '/fine') response.end();
    };
    await withSite(site, async ({ origin }) => {
      const crawl = await crawlAll(origin, { timeout: 50, bodyBytesMax: 1000 });
      const [, broken, fine, large, silent] = outcomes(crawl);
      assert.deepEqual(fine, ['/fine', 200, null]);
      assert.deepEqual(large, ['/large', null, 'ERR_HTTP_BODY_TOO_LARGE']);
      assert.deepEqual(silent, ['/silent', null, 'ERR_TIMEOUT']);
      assert.deepEqual(broken?.slice(0, 2), ['/broken', null]);
      assert.match(broken?.[2] ?? '', /^(?:ERR_HTTP_INCOMPLETE|ECONNRESET)$/);
      const { milliseconds } = crawl.results().find(({ url }) => url.endsWith('/silent')) ?? {
        milliseconds: 0,
      };
      assert.ok(milliseconds >= 50);
    });
  });

  it('keeps what it has when it is cancelled, and leaves no connection', async () => {
    let cancel = () => {};
    const site: RequestListener = ({ url }, response) => {
      if (url === '/')
        return pages({ '/': linksTo('/1', '/2', '/3', '/silent') })({ url } as never, response);
      if (url === '/silent') return cancel();
      response.end();
    };
    await withSite(site, async ({ origin, allClosed }) => {
      const crawl = createCrawl(origin, { tasksMax: 1 });
      const task = createTask(crawl.run());
      cancel = () => void task.cancel('enough');
      await assert.rejects(async () => await task, isCancellation);
      assert.deepEqual(
        outcomes(crawl).map(([path]) => path),
        ['/', '/1', '/2', '/3'],
      );
      assert.deepEqual([crawl.foundCount, crawl.activeCount], [5, 0]);
      await allClosed();
    });
  });

  it('refuses what it cannot crawl at the call', () => {
    for (const start of ['', 'example', 'https://a/', 'file:///etc/passwd', 'http://']) {
      assert.throws(() => createCrawl(start), RangeError, start);
    }
    for (const options of [{ tasksMax: 0 }, { tasksMax: 1.5 }, { depthMax: -1 }, { timeout: Number.NaN }]) {
      assert.throws(() => createCrawl('http://a/', options), RangeError);
    }
  });
});
