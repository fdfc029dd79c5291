import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Frontier } from '../../../src/cli/web/frontier.ts';
import { propertyRuns } from '../../support/property-runs.ts';

const NO_BOUNDS = { depthMax: Number.POSITIVE_INFINITY, redirectsMax: 10 };
const url = (name: string | number) => `http://site.test/${name}`;

/** A site: pages with their links, or where they redirect to. */
type Site = Readonly<Record<string, readonly string[] | string>>;

/** Crawls a site from 'a' on and answers in an order of `choose`'s making. */
function crawl(
  site: Site,
  bounds: typeof NO_BOUNDS,
  choose: (count: number) => number,
): [Frontier, string[]] {
  const frontier = new Frontier(url('a'), bounds);
  const taken: string[] = [];
  const open: string[] = [];
  for (;;) {
    for (let next = frontier.take(); next !== null; next = frontier.take()) {
      taken.push(next);
      open.push(next);
    }
    if (open.length === 0) return [frontier, taken.sort()];
    const [done = ''] = open.splice(choose(open.length), 1);
    const content = site[done.slice(url('').length)] ?? [];
    if (typeof content === 'string') frontier.addRedirect(done, url(content));
    else frontier.addLinks(done, content.map(url));
  }
}

describe('Frontier', () => {
  it('gives out each URL once, first found first', () => {
    const frontier = new Frontier(url('a'), NO_BOUNDS);
    assert.equal(frontier.take(), url('a'));
    assert.equal(frontier.take(), null);
    frontier.addLinks(url('a'), [url('c'), url('b'), url('a')]);
    assert.deepEqual([frontier.waitingCount, frontier.foundCount], [2, 3]);
    assert.equal(frontier.take(), url('c'));
    frontier.addLinks(url('c'), [url('b'), url('d')]);
    assert.deepEqual([frontier.take(), frontier.take(), frontier.take()], [url('b'), url('d'), null]);
    assert.equal(frontier.foundCount, 4);
  });

  it('stays on the origin of the start', () => {
    const frontier = new Frontier(url('a'), NO_BOUNDS);
    frontier.take();
    frontier.addLinks(url('a'), ['https://site.test/b', 'http://site.test:81/c', 'http://test/d']);
    frontier.addRedirect(url('a'), 'http://other.test/');
    assert.equal(frontier.take(), null);
    assert.equal(frontier.followRedirects(url('a')), 'arrives');
  });

  it('follows links as deep as it may, and counts a redirect as no step', () => {
    const site: Site = { a: ['b'], b: 'c', c: ['d'], d: ['e'] };
    const [frontier, taken] = crawl(site, { ...NO_BOUNDS, depthMax: 2 }, () => 0);
    assert.deepEqual(taken, ['a', 'b', 'c', 'd'].map(url));
    assert.deepEqual(
      ['a', 'b', 'c', 'd', 'e'].map((name) => frontier.depthOf(url(name))),
      [0, 1, 1, 2, 3],
    );
    assert.deepEqual(crawl(site, { ...NO_BOUNDS, depthMax: 0 }, () => 0)[1], [url('a')]);
  });

  it('tells redirects that arrive from those that go round and those that go on too long', () => {
    const site: Site = {
      a: ['one', 'itself', 'round', 'into', 'long1', 'dead'],
      one: 'end',
      itself: 'itself',
      round: 'round2',
      round2: 'round3',
      round3: 'round',
      into: 'round2',
      long1: 'long2',
      long2: 'long3',
      long3: 'long4',
      long4: 'long5',
      dead: 'end',
    };
    const [frontier, taken] = crawl(site, { ...NO_BOUNDS, redirectsMax: 2 }, () => 0);
    const ends = (names: string[]) => names.map((name) => frontier.followRedirects(url(name)));
    assert.deepEqual(ends(['one', 'dead', 'a', 'end']), Array(4).fill('arrives'));
    assert.deepEqual(ends(['itself', 'round', 'round2', 'round3', 'into']), Array(5).fill('loops'));
    assert.deepEqual(ends(['long1', 'long2', 'long3']), Array(3).fill('tooMany'));
    assert.ok(!taken.includes(url('long4')));
  });

  it('reaches the same pages at the same depths in whatever order they come', () => {
    const name = fc.constantFrom(...'abcdefgh');
    const content = fc.oneof(fc.array(name, { maxLength: 3 }), name);
    const site = fc.dictionary(name, content, { minKeys: 4 });
    const bounds = fc.record({ depthMax: fc.nat(5), redirectsMax: fc.nat(3) });
    fc.assert(
      fc.property(
        site,
        bounds,
        fc.array(fc.nat(), { minLength: 16, maxLength: 16 }),
        (pages, limits, order) => {
          let step = 0;
          const [expected, inOrder] = crawl(pages, limits, () => 0);
          const [actual, shuffled] = crawl(pages, limits, (count) => (order[step++ % 16] ?? 0) % count);
          assert.deepEqual(shuffled, inOrder);
          for (const page of inOrder) {
            assert.equal(actual.depthOf(page), expected.depthOf(page));
            assert.equal(actual.followRedirects(page), expected.followRedirects(page));
          }
        },
      ),
      propertyRuns(300),
    );
  });
});
