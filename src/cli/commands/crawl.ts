import { coroutine } from '../../coroutines/index.ts';
import type { Suspension } from '../../interface/index.ts';
import { getRunningLoop } from '../../loop/index.ts';
import { reportCrawl } from '../crawl-report.ts';
import { CommandError } from '../failure.ts';
import { exitCodeOf, runInterruptibly, type StopSignal } from '../interruption.ts';
import { showProgress } from '../progress.ts';
import { type Crawl, type CrawlOptions, createCrawl } from '../web/crawler.ts';

/**
 * `tulipa crawl URL`: crawls a site and prints what was found.
 *
 * @returns the exit code
 * @throws {CommandError} there is nothing to crawl at that URL
 */
export const crawlCommand = coroutine(function* (
  start: string,
  options: Partial<CrawlOptions>,
): Generator<Suspension, number, unknown> {
  const crawl = openCrawl(start, options);
  const { signal, milliseconds } = yield* watchCrawl(crawl);
  const [only] = crawl.results();
  if (signal === null && only !== undefined && crawl.doneCount === 1 && only.errorCode !== null) {
    throw new CommandError(`Cannot crawl ${crawl.start}: ${only.errorMessage}`);
  }
  process.stdout.write(reportCrawl(crawl, milliseconds));
  return signal === null ? 0 : exitCodeOf(signal);
});

export interface WatchedCrawl {
  /** that ended it early; null: it is complete */
  readonly signal: StopSignal | null;
  readonly milliseconds: number;
}

/** Runs a crawl before the user's eyes; Ctrl-C cancels it and is told. */
export const watchCrawl = coroutine(function* (crawl: Crawl): Generator<Suspension, WatchedCrawl, unknown> {
  const loop = getRunningLoop();
  const startedAt = loop.time();
  const progress = showProgress(crawl);
  let signal: StopSignal | null;
  try {
    signal = yield* runInterruptibly(crawl.run());
  } finally {
    progress.stop();
  }
  if (signal !== null) {
    const givenUp = crawl.foundCount - crawl.doneCount;
    process.stderr.write(`Interrupted by ${signal}: ${givenUp} of the pages found were not fetched\n`);
  }
  return { signal, milliseconds: loop.time() - startedAt };
});

function openCrawl(start: string, options: Partial<CrawlOptions>): Crawl {
  try {
    return createCrawl(start, options);
  } catch (error) {
    if (error instanceof RangeError) throw new CommandError(error.message, { cause: error });
    throw error;
  }
}
