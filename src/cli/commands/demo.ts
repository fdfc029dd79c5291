import { coroutine, wrapFuture } from '../../coroutines/index.ts';
import type { Suspension } from '../../interface/index.ts';
import { getRunningLoop } from '../../loop/index.ts';
import { reportCrawl } from '../crawl-report.ts';
import { formatNumber } from '../format.ts';
import { exitCodeOf } from '../interruption.ts';
import { type Crawl, createCrawl } from '../web/crawler.ts';
import { compareWithSite } from '../web/demo-check.ts';
import {
  createDemoSite,
  DEMO_REDIRECTS_MAX,
  type DemoSite,
  SLOW_PAGE_MILLISECONDS,
  SLOW_PAGES,
} from '../web/demo-site.ts';
import { loadSources } from '../web/demo-sources.ts';
import { plainResponse, serveHttp } from '../web/http-server.ts';
import { urlOf } from '../web/server-url.ts';
import { watchCrawl } from './crawl.ts';

const DIFFERENCES_SHOWN = 20;

/**
 * `tulipa demo`: serves a site made from the project itself, crawls it on the same loop, and holds what was found
 * against what the site knows it served.
 *
 * @returns the exit code: 1 if there is a difference
 */
export const demoCommand = coroutine(function* (tasksMax: number): Generator<Suspension, number, unknown> {
  const sources = yield* wrapFuture(loadSources());
  let site: DemoSite | null = null;
  const server = yield* serveHttp((request) => site?.answer(request) ?? plainResponse(503), {
    host: '127.0.0.1',
  });
  try {
    const url = urlOf(server);
    site = createDemoSite(new URL(url).origin, sources);
    const crawl = createCrawl(url, { tasksMax, redirectsMax: DEMO_REDIRECTS_MAX });
    const { driverName } = getRunningLoop();
    process.stderr.write(
      `Serving ${url} and crawling it with ${tasksMax} tasks, both on the loop "${driverName}"\n`,
    );

    const { signal, milliseconds } = yield* watchCrawl(crawl);
    process.stdout.write(`${reportCrawl(crawl, milliseconds)}\n${describeOverlap(crawl, site)}\n`);
    return signal === null ? compare(crawl, site) : exitCodeOf(signal);
  } finally {
    yield* server.stop({ grace: 0 });
  }
});

/** Proves that the crawl waits for many pages at once: from the first slow request to the last slow answer. */
function describeOverlap(crawl: Crawl, site: DemoSite): string {
  const slow = crawl
    .results()
    .filter(({ url }) => (site.routes.get(url.slice(site.origin.length))?.delay ?? 0) > 0);
  if (slow.length < SLOW_PAGES) return `${slow.length} of ${SLOW_PAGES} slow pages were fetched`;
  const first = Math.min(...slow.map(({ startedAt }) => startedAt));
  const last = Math.max(...slow.map(({ startedAt, milliseconds }) => startedAt + milliseconds));
  const oneByOne = formatNumber(SLOW_PAGES * SLOW_PAGE_MILLISECONDS);
  return (
    `${SLOW_PAGES} slow pages of ${SLOW_PAGE_MILLISECONDS} ms each in ${formatNumber(last - first)} ms ` +
    `with ${crawl.options.tasksMax} tasks (one after the other: ${oneByOne} ms)`
  );
}

function compare(crawl: Crawl, site: DemoSite): number {
  const differences = compareWithSite(site, crawl.results());
  if (crawl.socketCountMax > crawl.options.tasksMax) {
    differences.push(
      `${crawl.socketCountMax} sockets were open at once, not ${crawl.options.tasksMax} at most`,
    );
  }
  if (differences.length === 0) {
    process.stdout.write('What was found is exactly what the site knows it served.\n');
    return 0;
  }
  const more = differences.length - DIFFERENCES_SHOWN;
  const shown = [...differences.slice(0, DIFFERENCES_SHOWN), ...(more > 0 ? [`and ${more} more`] : [])];
  process.stderr.write(`The crawl differs from what the site knows it served:\n  ${shown.join('\n  ')}\n`);
  return 1;
}
