/**
 * Fetches a site page by page, several at a time, and keeps what became of each.
 *
 * A crawl is an object that outlives its run: cancel the task that runs it, and all results up to then are still there.
 */
import { STATUS_CODES } from 'node:http';
import { coroutine, taskGroup, timeout } from '../../coroutines/index.ts';
import { type Coroutine, isCancellation, LoopError, type Suspension } from '../../interface/index.ts';
import { getRunningLoop } from '../../loop/index.ts';
import { Frontier, type FrontierBounds } from './frontier.ts';
import { createHttpClient, type HttpAnswer } from './http-client.ts';
import { LinkFinder, resolveLink } from './links.ts';

export interface CrawlOptions extends FrontierBounds {
  /** pages fetched at once, 1 or more: also the most sockets ever open at once */
  readonly tasksMax: number;
  /** milliseconds for each page, from the connection to the last byte */
  readonly timeout: number;
  /** bytes of a page; a larger one is given up */
  readonly bodyBytesMax: number;
}

export const defaultCrawlOptions: CrawlOptions = {
  tasksMax: 10,
  depthMax: Number.POSITIVE_INFINITY,
  redirectsMax: 10,
  timeout: 10_000,
  bodyBytesMax: 16 * 1024 * 1024,
};

/** What became of one URL. */
export interface PageResult {
  readonly url: string;
  /** links from the start page */
  readonly depth: number;
  /** null: no whole answer came */
  readonly status: number | null;
  /** of the body */
  readonly byteCount: number;
  /** where a redirect leads; null for everything else */
  readonly redirect: string | null;
  /** what went wrong, by its kind: an error's code, or `HTTP 404`; null if nothing did */
  readonly errorCode: string | null;
  /** for people; empty where nothing went wrong */
  readonly errorMessage: string;
  /** the loop's milliseconds */
  readonly startedAt: number;
  readonly milliseconds: number;
}

export interface Crawl {
  /** the start page, as it is fetched */
  readonly start: string;
  readonly options: CrawlOptions;
  /** What is known by now, in the order in which it came. A redirect that leads to no page has become an error. */
  results(): PageResult[];
  readonly doneCount: number;
  /** being fetched now */
  readonly activeCount: number;
  /** done, being fetched, or waiting: grows while the crawl runs */
  readonly foundCount: number;
  /** bytes of all bodies so far */
  readonly byteCount: number;
  readonly errorCount: number;
  /** the most sockets that were open at once */
  readonly socketCountMax: number;
  /** Runs the crawl to its end; to be called once. Cancelled, it leaves no socket open. */
  run(): Coroutine<void>;
}

/** @throws {RangeError} `start` is no http URL, or a bound is none */
export function createCrawl(start: string, options: Partial<CrawlOptions> = {}): Crawl {
  const bounds = { ...defaultCrawlOptions, ...options };
  const startUrl = checkStart(start);
  checkBounds(bounds);
  const frontier = new Frontier(startUrl, bounds);
  const client = createHttpClient({ bodyBytesMax: bounds.bodyBytesMax });
  const results: PageResult[] = [];
  let activeCount = 0;
  let byteCount = 0;
  let errorCount = 0;

  const crawlPage = coroutine(function* (url: string): Generator<Suspension, void, unknown> {
    const loop = getRunningLoop();
    const startedAt = loop.time();
    const note = (outcome: Partial<PageResult>) => {
      const result = { ...emptyResult, ...outcome, url, startedAt, milliseconds: loop.time() - startedAt };
      results.push(result);
      byteCount += result.byteCount;
      if (result.errorCode !== null) errorCount += 1;
    };
    let answer: HttpAnswer;
    try {
      answer = yield* timeout(bounds.timeout, function* () {
        return yield* client.get(new URL(url));
      });
    } catch (error) {
      if (isCancellation(error) || !(error instanceof LoopError)) throw error;
      note({ errorCode: error.code, errorMessage: error.message });
      return;
    }
    const redirect = redirectOf(answer, url);
    note({ status: answer.status, byteCount: answer.byteCount, redirect, ...describeStatus(answer.status) });
    if (redirect !== null) frontier.addRedirect(url, redirect);
    else if (isHtml(answer)) frontier.addLinks(url, yield* findLinks(answer, url));
  });

  const run = coroutine(function* (): Generator<Suspension, void, unknown> {
    try {
      yield* taskGroup(function* (group) {
        let oneDone = getRunningLoop().createFuture<void>();
        for (;;) {
          while (activeCount < bounds.tasksMax) {
            const url = frontier.take();
            if (url === null) break;
            activeCount += 1;
            const page = group.createTask(crawlPage(url), { name: url });
            page.addDoneCallback(() => {
              activeCount -= 1;
              if (!oneDone.done()) oneDone.setResult();
            });
          }
          if (activeCount === 0) return;
          yield* oneDone;
          oneDone = getRunningLoop().createFuture();
        }
      });
    } finally {
      yield* client.close();
    }
  });

  /** Only when all is known can be said where a redirect leads. */
  const judgeRedirect = (result: PageResult): PageResult => {
    const end = result.redirect === null ? 'arrives' : frontier.followRedirects(result.url);
    if (end === 'arrives') return result;
    const [errorCode, errorMessage] =
      end === 'loops'
        ? ['ERR_REDIRECT_LOOP', 'Cannot follow the redirect: it leads back to itself']
        : [
            'ERR_TOO_MANY_REDIRECTS',
            `Cannot follow the redirect: there are more than ${bounds.redirectsMax} in a row`,
          ];
    return { ...result, errorCode, errorMessage };
  };

  return {
    start: startUrl,
    options: bounds,
    results: () => results.map((result) => judgeRedirect({ ...result, depth: frontier.depthOf(result.url) })),
    run,
    get doneCount() {
      return results.length;
    },
    get activeCount() {
      return activeCount;
    },
    get foundCount() {
      return frontier.foundCount;
    },
    get byteCount() {
      return byteCount;
    },
    get errorCount() {
      return errorCount;
    },
    get socketCountMax() {
      return client.socketCountMax;
    },
  };
}

const emptyResult: PageResult = {
  url: '',
  depth: 0,
  status: null,
  byteCount: 0,
  redirect: null,
  errorCode: null,
  errorMessage: '',
  startedAt: 0,
  milliseconds: 0,
};

/** Reads the page for its links, a piece a turn: a page of some megabytes does not hold up the others. */
const findLinks = coroutine(function* (
  answer: HttpAnswer,
  url: string,
): Generator<Suspension, string[], unknown> {
  const charset = /;\s*charset="?([^";\s]+)/i.exec(answer.headers.get('content-type') ?? '')?.[1] ?? null;
  const finder = new LinkFinder(url, charset);
  for (const [index, piece] of answer.pieces.entries()) {
    if (index > 0) yield;
    finder.feed(piece);
  }
  return finder.finish();
});

function isHtml({ status, headers }: HttpAnswer): boolean {
  const type = headers.get('content-type') ?? '';
  return status >= 200 && status < 300 && /^(?:text\/html|application\/xhtml\+xml)\s*(?:;|$)/i.test(type);
}

function redirectOf({ status, headers }: HttpAnswer, url: string): string | null {
  const location = headers.get('location');
  if (location === undefined || ![301, 302, 303, 307, 308].includes(status)) return null;
  return resolveLink(location, url);
}

function describeStatus(status: number): Pick<PageResult, 'errorCode' | 'errorMessage'> {
  if (status < 400) return { errorCode: null, errorMessage: '' };
  return {
    errorCode: `HTTP ${status}`,
    errorMessage: `The server answered ${status} ${STATUS_CODES[status] ?? ''}`,
  };
}

function checkStart(start: string): string {
  const url = resolveLink(start, start);
  if (url?.startsWith('http:') === true) return url;
  throw new RangeError(`Cannot crawl ${start}: it is no URL that begins with http://`);
}

function checkBounds({ tasksMax, depthMax, redirectsMax, timeout, bodyBytesMax }: CrawlOptions): void {
  if (!Number.isInteger(tasksMax) || tasksMax < 1) {
    throw new RangeError(`Cannot crawl with ${tasksMax} tasks: it takes one or more`);
  }
  for (const [name, value] of Object.entries({ depthMax, redirectsMax, timeout, bodyBytesMax })) {
    if (!(value >= 0)) throw new RangeError(`Cannot crawl: ${name} is ${value}, not 0 or more`);
  }
}
