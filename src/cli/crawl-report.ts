import { formatBytes, formatNumber, formatTable } from './format.ts';
import type { Crawl, PageResult } from './web/crawler.ts';

const SLOWEST_SHOWN = 5;

/**
 * What a crawl did, as text for a terminal.
 *
 * @param milliseconds that it took
 */
export function reportCrawl(crawl: Crawl, milliseconds: number): string {
  const results = crawl.results();
  const pagesASecond = results.length / Math.max(milliseconds / 1000, 0.001);
  const { tasksMax } = crawl.options;
  const sections = [
    `Crawled ${crawl.start} in ${formatNumber(milliseconds)} ms`,
    formatTable(
      [
        ['pages', formatNumber(results.length)],
        ['bytes', formatNumber(crawl.byteCount), `(${formatBytes(crawl.byteCount)})`],
        ['pages a second', formatNumber(pagesASecond, 1)],
        ['errors', formatNumber(results.filter(({ errorCode }) => errorCode !== null).length)],
        ['sockets open at once', formatNumber(crawl.socketCountMax), `at most (allowed: ${tasksMax})`],
      ],
      ['left', 'right'],
    ),
    `Answers by status\n${formatTable(countAnswers(results), ['right', 'right'])}`,
  ];
  const errors = countErrors(results);
  if (errors.length > 0) sections.push(`Errors by kind\n${formatTable(errors, ['left', 'right'])}`);
  sections.push(`Slowest pages\n${formatTable(slowest(results), ['right'])}`);
  return `${sections.join('\n\n')}\n`;
}

function countAnswers(results: readonly PageResult[]): string[][] {
  const counts = new Map<number, number>();
  for (const { status } of results) if (status !== null) counts.set(status, (counts.get(status) ?? 0) + 1);
  const rows = [...counts]
    .sort(([a], [b]) => a - b)
    .map(([status, count]) => [`  ${status}`, formatNumber(count)]);
  const unanswered = results.filter(({ status }) => status === null).length;
  return unanswered === 0 ? rows : [...rows, ['  none', formatNumber(unanswered)]];
}

/** Each kind with its number and one page as an example. */
function countErrors(results: readonly PageResult[]): string[][] {
  const kinds = new Map<string, { count: number; example: string }>();
  for (const { errorCode, url } of results) {
    if (errorCode === null) continue;
    const kind = kinds.get(errorCode) ?? { count: 0, example: url };
    kinds.set(errorCode, { ...kind, count: kind.count + 1 });
  }
  return [...kinds]
    .sort(([, a], [, b]) => b.count - a.count)
    .map(([code, { count, example }]) => [`  ${code}`, formatNumber(count), `such as ${example}`]);
}

function slowest(results: readonly PageResult[]): string[][] {
  return [...results]
    .sort((a, b) => b.milliseconds - a.milliseconds)
    .slice(0, SLOWEST_SHOWN)
    .map(({ milliseconds, url }) => [`  ${formatNumber(milliseconds)} ms`, url]);
}
