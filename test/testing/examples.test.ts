/** The examples, and the programs of the command `tulipa`, as they are, in simulated time and on a simulated network. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { type CrawlOptions, createCrawl } from '../../src/cli/web/crawler.ts';
import { compareWithSite } from '../../src/cli/web/demo-check.ts';
import { createDemoSite, DEMO_REDIRECTS_MAX, type DemoSite } from '../../src/cli/web/demo-site.ts';
import { type HttpHandler, serveHttp } from '../../src/cli/web/http-server.ts';
import { createTask, sleep, type Task } from '../../src/coroutines/index.ts';
import { openConnection } from '../../src/streams/index.ts';
import { mainOf, type Simulation, simulate, type TaskBody, Trace } from '../../src/testing/index.ts';
import { programCommand } from '../support/run-program.ts';

type Main = () => TaskBody<unknown>;

let instances = 0;

/** An example with those arguments, loaded anew. */
async function example(name: string, ...args: string[]): Promise<Main> {
  const file = programCommand(`examples/${name}.ts`).args.at(-1) as string;
  const { argv } = process;
  process.argv = [process.execPath, file, ...args];
  try {
    const url = `${pathToFileURL(file)}?${++instances}`;
    return await mainOf(async () => await import(url));
  } finally {
    process.argv = argv;
  }
}

/** What programs print in a simulation. */
async function printed(scenario: (sim: Simulation) => Promise<unknown>, seed = 1): Promise<string[]> {
  const lines: string[] = [];
  const { log, error } = console;
  try {
    await simulate(
      async (sim) => {
        const print = (...words: unknown[]) => void lines.push(words.join(' '));
        console.log = print;
        console.error = print;
        await scenario(sim);
      },
      { seed },
    );
  } finally {
    console.log = log;
    console.error = error;
  }
  return lines;
}

/** On one host, since these servers listen on 127.0.0.1: starts them, and ends them by a signal when `body` has ended. */
async function beside(sim: Simulation, servers: Main[], body: () => Promise<unknown>): Promise<void> {
  const host = sim.host('machine', async () => {
    let serving: Task<unknown> | null = null;
    for (const main of servers) {
      serving = createTask(main);
      await sleep(10);
    }
    await body();
    host.signal('SIGTERM');
    // A program has one handler for a signal: that of the last one.
    await serving;
  });
  await host.finished;
}

/** Says something, and hears what comes until the end. */
async function ask(port: number, text: string): Promise<string> {
  const { reader, writer } = await openConnection({ host: '127.0.0.1', port });
  // At the same time: who sends back as it receives takes no more than it gets rid of.
  const sending = createTask(async () => {
    await writer.write(text);
    writer.writeEof();
  });
  const answer = await reader.read();
  await sending;
  writer.close();
  return new TextDecoder().decode(answer);
}

describe('the examples in a simulation', () => {
  for (const server of ['echo-server-protocol', 'echo-server-streams']) {
    it(`${server} and its clients`, async () => {
      const serve = await example(server);
      const clients = [await example('echo-client-protocol'), await example('echo-client-streams')];
      const lines = await printed((sim) =>
        beside(sim, [serve], async () => {
          for (const client of clients) await createTask(client);
          const megabyte = 'there and back again '.repeat(50_000);
          assert.equal(await ask(8888, megabyte), megabyte);
        }),
      );
      assert.deepEqual(lines, [
        'listening on 127.0.0.1:8888',
        'received: Hello, world',
        'received: Hello,',
        'received: world',
      ]);
    });
  }

  it('port-proxy, before a server and before none', async () => {
    const serve = await example('echo-server-streams');
    const proxies = [
      await example('port-proxy', '8890', '127.0.0.1:8888'),
      await example('port-proxy', '8891', '127.0.0.1:9'),
    ];
    const lines = await printed((sim) =>
      beside(sim, [serve, ...proxies], async () => {
        assert.equal(await ask(8890, 'through'), 'through');
        assert.equal(await ask(8891, 'nowhere').catch(() => ''), '');
      }),
    );
    assert.match(lines.at(-1) ?? '', /127\.0\.0\.1:9: connection refused/);
  });

  it('chat-server', async () => {
    const serve = await example('chat-server');
    await printed((sim) =>
      beside(sim, [serve], async () => {
        const enter = async (name: string) => {
          const { reader, writer } = await openConnection({ host: '127.0.0.1', port: 8889 });
          const hears = async () => new TextDecoder().decode(await reader.readLine());
          assert.equal(await hears(), 'Your name?\n');
          await writer.write(`${name}\n`);
          return { hears, writer };
        };
        const anna = await enter('Anna');
        await sleep(10);
        const bert = await enter('Bert');
        assert.equal(await anna.hears(), '* Bert has come\n');
        await bert.writer.write('Hello\n');
        assert.equal(await anna.hears(), 'Bert: Hello\n');
        bert.writer.close();
        assert.equal(await anna.hears(), '* Bert has gone\n');
        anna.writer.close();
      }),
    );
  });

  it('web-server, which gives up on a slow client when its time is up', async () => {
    const serve = await example('web-server');
    const lines = await printed((sim) =>
      beside(sim, [serve], async () => {
        assert.match(await ask(8080, 'GET / HTTP/1.1\r\n\r\n'), /^HTTP\/1\.1 200 OK.*It works/s);
        const begun = sim.time;
        assert.match(await ask(8080, 'GET /slow HTTP/1.1\r\n\r\n'), /Sorry/);
        assert.equal(Math.floor((sim.time - begun) / 1000), 1);
        const { reader, writer } = await openConnection({ host: '127.0.0.1', port: 8080 });
        await writer.write('GET ');
        assert.equal((await reader.read()).length, 0);
        assert.ok(sim.time - begun >= 6000);
        writer.close();
      }),
    );
    assert.deepEqual(lines.slice(1), ['Timed out']);
  });

  it('udp-echo, both sides', async () => {
    const serve = await example('udp-echo', 'server');
    const client = await example('udp-echo', 'client');
    const lines = await printed((sim) => beside(sim, [serve], async () => await createTask(client)));
    assert.deepEqual(lines, ['listening on 127.0.0.1:8888', 'received: Hello,', 'received: world']);
  });

  it('crawler, of its own site', async () => {
    const crawl = await example('crawler');
    const lines = await printed(async (sim) => {
      await sim.host('machine', crawl).finished;
      // 122 pages of 0.1 s each, ten at a time.
      assert.ok(sim.time >= 1200 && sim.time < 2500, String(sim.time));
    });
    assert.equal(lines.filter((line) => line.startsWith('200 ')).length, 40);
    assert.equal(lines.at(-1), `${lines.length - 1} pages`);
  });
});

describe('the web server and the crawler of the command in a simulation', () => {
  const origin = 'http://server:8080';
  const options: Partial<CrawlOptions> = { tasksMax: 20, redirectsMax: DEMO_REDIRECTS_MAX };
  const text = 'export const one = 1;\nexport function two() {}\n';
  let sources: { path: string; text: string }[];

  before(() => {
    sources = Array.from({ length: 20 }, (_, index) => ({
      path: `src/${index}.ts`,
      text: text.repeat(index * 20),
    }));
  });

  function serve(handler: HttpHandler): Main {
    return async () => await (await serveHttp(handler, { host: '0.0.0.0', port: 8080 })).serveForever();
  }

  it('find exactly what is there, over any network', async () => {
    for (const seed of [1, 2, 3]) {
      let site: DemoSite | null = null;
      await simulate(
        async (sim) => {
          site = createDemoSite(origin, sources);
          const { answer } = site;
          sim.host('server', serve(answer));
          const crawling = sim.host('crawler', async () => {
            await sleep(10);
            const crawl = createCrawl(`${origin}/`, options);
            await crawl.run();
            assert.ok(crawl.socketCountMax <= 20);
            return crawl.results();
          });
          const differences = compareWithSite(site, await crawling.finished);
          // That trap is another name for 127.0.0.1, where this site is not.
          assert.deepEqual(
            differences.filter((difference) => !difference.startsWith('/traps/origin ')),
            [],
          );
        },
        { seed, order: 'any', globals: true },
      );
    }
  });

  it('fail in a way that is told when the server crashes, and go on when it is back', async () => {
    const outcomes = (seed: number) => {
      const trace = new Trace({ eventsMax: 0 });
      return simulate(
        async (sim) => {
          const site = createDemoSite(origin, sources);
          const server = sim.host('server', serve(site.answer));
          const crawling = sim.host('crawler', async () => {
            await sleep(10);
            const crawl = createCrawl(`${origin}/`, { ...options, timeout: 2_000 });
            await crawl.run();
            return crawl.results();
          });
          sim.at(300, () => server.crash());
          sim.at(1300, () => server.restart());
          const results = await crawling.finished;
          const codes = new Map<string | null, number>();
          for (const { errorCode } of results) codes.set(errorCode, (codes.get(errorCode) ?? 0) + 1);
          return { codes: [...codes].sort(), digest: trace.digest() };
        },
        { seed, globals: true, trace },
      );
    };
    const first = await outcomes(1);
    const codes = new Map(first.codes);
    assert.ok((codes.get(null) ?? 0) > 50, JSON.stringify(first.codes));
    assert.ok(
      (codes.get('ERR_TIMEOUT') ?? 0) + (codes.get('ECONNRESET') ?? 0) > 0,
      JSON.stringify(first.codes),
    );
    assert.deepEqual(await outcomes(1), first);
  });
});
