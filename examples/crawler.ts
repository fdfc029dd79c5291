/**
 * A web crawler in a page: the keynote's second example. Several pages at once, each a coroutine that reads as if it
 * were alone.
 *
 * Shows: generator coroutines as tasks, `wait` for whichever is first, a bound on how many run, a time limit for each.
 *
 *     node --conditions=source examples/crawler.ts [URL] [TASKS]
 *
 * Without a URL it serves itself a small site to crawl. (For real sites: `tulipa crawl`.)
 */
import {
  coroutine,
  createTask,
  type InternetAddress,
  LoopError,
  openConnection,
  run,
  type StreamReader,
  type StreamWriter,
  sleep,
  startServer,
  type Task,
  timeout,
  wait,
} from 'tulipa';

interface Page {
  url: string;
  status: string;
  links: string[];
}

/** One request, one connection; the end of the connection is the end of the page. */
const get = coroutine(function* (url: URL) {
  const { reader, writer } = yield* openConnection({ host: url.hostname, port: Number(url.port || 80) });
  try {
    yield* writer.write(`GET ${url.pathname}${url.search} HTTP/1.0\r\nHost: ${url.host}\r\n\r\n`);
    return new TextDecoder().decode(yield* reader.read());
  } finally {
    writer.close();
  }
});

const visit = coroutine(function* (url: string) {
  const page: Page = { url, status: '', links: [] };
  try {
    const answer = yield* timeout(5000, () => get(new URL(url)));
    page.status = /^HTTP\/1\.[01] (\d{3})/.exec(answer)?.[1] ?? 'no HTTP';
    for (const [, href = ''] of answer.matchAll(/<a\s[^>]*href="([^"]*)"/g)) {
      const link = new URL(href, url);
      link.hash = '';
      if (link.origin === new URL(url).origin) page.links.push(link.href);
    }
  } catch (error) {
    if (!(error instanceof LoopError) || error.code === 'ERR_CANCELLED') throw error;
    page.status = error.code;
  }
  return page;
});

const crawl = coroutine(function* (start: string, tasksMax: number) {
  const found = new Set([start]);
  const queue = [start];
  const running = new Set<Task<Page>>();
  while (queue.length > 0 || running.size > 0) {
    while (queue.length > 0 && running.size < tasksMax) running.add(createTask(visit(queue.shift() ?? '')));
    const { done } = yield* wait(running, { returnWhen: 'firstCompleted' });
    for (const task of done) {
      running.delete(task as Task<Page>);
      const { url, status, links } = task.result();
      console.log(`${status} ${url}`);
      for (const link of links) {
        if (found.has(link)) continue;
        found.add(link);
        queue.push(link);
      }
    }
  }
  console.log(`${found.size} pages`);
});

/** Something to crawl: 40 pages that each take a tenth of a second. */
const serveSite = coroutine(function* (reader: StreamReader, writer: StreamWriter) {
  try {
    const request = new TextDecoder().decode(yield* reader.readUntil('\r\n\r\n'));
    const page = Number(/^GET \/(\d*) /.exec(request)?.[1] ?? Number.NaN);
    yield* sleep(100);
    const links = [page * 3 + 1, page * 3 + 2, page * 3 + 3].map(
      (next) => `<a href="/${next}#top">${next}</a>`,
    );
    const isThere = page < 40;
    yield* writer.write(
      `HTTP/1.0 ${isThere ? '200 OK' : '404 Not Found'}\r\n\r\n${isThere ? links.join(' ') : ''}`,
    );
  } finally {
    writer.close();
  }
});

await run(function* () {
  const [, , url, tasks = '10'] = process.argv;
  if (url !== undefined) return yield* crawl(new URL(url).href, Number(tasks));
  const server = yield* startServer(serveSite, { host: '127.0.0.1', port: 0 });
  const { port } = server.sockets[0] as InternetAddress;
  yield* crawl(`http://127.0.0.1:${port}/`, Number(tasks));
  yield* server.stop();
});
