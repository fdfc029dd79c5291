import cliProgress from 'cli-progress';
import { getRunningLoop } from '../loop/index.ts';
import { formatBytes, formatNumber } from './format.ts';
import type { Crawl } from './web/crawler.ts';

const LOOK_INTERVAL = 100;
const LINE_INTERVAL = 2000;
const PAGES_A_LINE = 100;

type Progress = Pick<Crawl, 'doneCount' | 'foundCount' | 'activeCount' | 'byteCount' | 'errorCount'>;

/**
 * Shows how far a crawl is until `stop` is called: a bar in a terminal, else a line now and then. On standard error, so
 * that the result alone is on standard output.
 */
export function showProgress(crawl: Progress): { stop(): void } {
  const inTerminal = process.stdout.isTTY === true && process.stderr.isTTY === true;
  const display = inTerminal ? createBar() : createLines();
  const timer = getRunningLoop().callRepeatedly(LOOK_INTERVAL, () => display.show(crawl));
  return {
    stop() {
      timer.cancel();
      display.stop(crawl);
    },
  };
}

interface Display {
  show(crawl: Progress): void;
  stop(crawl: Progress): void;
}

function createBar(): Display {
  const bar = new cliProgress.SingleBar(
    {
      format: '{bar} {value} of {total} pages | {size} | {active} at once | {errors} errors',
      clearOnComplete: true,
      hideCursor: true,
      // Ctrl-C is ours to answer: a cancelled crawl still has something to say.
      gracefulExit: false,
    },
    cliProgress.Presets.shades_classic,
  );
  const show = (crawl: Progress) => {
    bar.setTotal(crawl.foundCount);
    bar.update(crawl.doneCount, payload(crawl));
  };
  bar.start(1, 0, { size: formatBytes(0), active: 0, errors: 0 });
  return { show, stop: () => bar.stop() };
}

function payload({ byteCount, activeCount, errorCount }: Progress) {
  return { size: formatBytes(byteCount), active: activeCount, errors: errorCount };
}

function createLines(): Display {
  const loop = getRunningLoop();
  let shownPages = 0;
  let shownAt = loop.time();
  const write = (crawl: Progress) => {
    shownPages = crawl.doneCount;
    shownAt = loop.time();
    const pages = `${formatNumber(crawl.doneCount)} of ${formatNumber(crawl.foundCount)} pages`;
    process.stderr.write(`${pages}, ${formatBytes(crawl.byteCount)}, ${crawl.errorCount} errors\n`);
  };
  return {
    show(crawl) {
      if (crawl.doneCount >= shownPages + PAGES_A_LINE || loop.time() >= shownAt + LINE_INTERVAL)
        write(crawl);
    },
    stop(crawl) {
      // The end of a crawl that was over before the first line needs none: its report says it all.
      if (shownPages > 0 && crawl.doneCount > shownPages) write(crawl);
    },
  };
}
