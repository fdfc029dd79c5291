import type { PageResult } from './crawler.ts';
import type { DemoRoute, DemoSite } from './demo-site.ts';

/**
 * Holds what a crawl says it found against what the site knows: each page once, whole, with the right outcome, and
 * nothing that a crawler must leave alone. Asks both sides: the crawl's results, and the site's own record.
 *
 * @returns one sentence for each difference, none if all is well
 */
export function compareWithSite(site: DemoSite, results: readonly PageResult[]): string[] {
  const differences: string[] = [];
  const found = new Map<string, PageResult>();
  for (const result of results) {
    const target = result.url.startsWith(`${site.origin}/`)
      ? result.url.slice(site.origin.length)
      : result.url;
    if (found.has(target)) differences.push(`${target} is reported twice`);
    found.set(target, result);
    const route = site.routes.get(target);
    if (route === undefined) differences.push(`${target} is no page of the site`);
    else differences.push(...compareRoute(route, result));
  }
  for (const route of site.routes.values()) {
    if (!route.isTrap && !found.has(route.target)) differences.push(`${route.target} was not found`);
    const expected = route.isTrap ? 0 : 1;
    const actual = site.askedFor.get(route.target) ?? 0;
    if (actual !== expected)
      differences.push(`${route.target} was asked for ${actual} times, not ${expected}`);
  }
  for (const target of site.askedFor.keys()) {
    if (!site.routes.has(target)) differences.push(`${target} was asked for, and the site has no such page`);
  }
  return differences;
}

function compareRoute(route: DemoRoute, result: PageResult): string[] {
  const pairs = [
    ['status', result.status, route.status],
    ['bytes', result.byteCount, route.body.length],
    ['error', result.errorCode, route.errorCode],
  ] as const;
  const differences = pairs
    .filter(([, actual, expected]) => actual !== expected)
    .map(([what, actual, expected]) => `${route.target} has the ${what} ${actual}, not ${expected}`);
  if (route.isTrap) differences.push(`${route.target} was fetched, and no page leads there`);
  return differences;
}
