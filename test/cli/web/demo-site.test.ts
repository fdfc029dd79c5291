import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PageResult } from '../../../src/cli/web/crawler.ts';
import { compareWithSite } from '../../../src/cli/web/demo-check.ts';
import {
  createDemoSite,
  DEMO_REDIRECTS_MAX,
  type DemoRoute,
  type DemoSite,
  SLOW_PAGES,
} from '../../../src/cli/web/demo-site.ts';
import { loadSources } from '../../../src/cli/web/demo-sources.ts';
import { Frontier } from '../../../src/cli/web/frontier.ts';
import type { HttpRequest } from '../../../src/cli/web/http-server.ts';
import { LinkFinder, resolveLink } from '../../../src/cli/web/links.ts';

const ORIGIN = 'http://127.0.0.1:8080';
const sources = await loadSources();

/** Walks the site in memory, with no network at all, and answers for it what a crawl would. */
function walk(site: DemoSite): PageResult[] {
  const frontier = new Frontier(`${site.origin}/`, { depthMax: 100, redirectsMax: DEMO_REDIRECTS_MAX });
  const visited: [string, DemoRoute][] = [];
  for (let url = frontier.take(); url !== null; url = frontier.take()) {
    const target = url.slice(site.origin.length);
    site.answer({ target } as HttpRequest);
    const route = site.routes.get(target);
    assert.ok(route, `${target} is linked and has no route`);
    visited.push([url, route]);
    const finder = new LinkFinder(url);
    finder.feed(route.body);
    const links = finder.finish();
    if (route.location !== null) frontier.addRedirect(url, resolveLink(route.location, url) ?? '');
    else if (route.status === 200) frontier.addLinks(url, links);
  }
  const codes = { arrives: null, loops: 'ERR_REDIRECT_LOOP', tooMany: 'ERR_TOO_MANY_REDIRECTS' };
  return visited.map(([url, { status, body }]) => ({
    url,
    depth: 0,
    status,
    byteCount: body.length,
    redirect: null,
    errorCode: status >= 400 ? `HTTP ${status}` : codes[frontier.followRedirects(url)],
    errorMessage: '',
    startedAt: 0,
    milliseconds: 0,
  }));
}

describe('the demo site', () => {
  const site = createDemoSite(ORIGIN, sources);
  const results = walk(site);

  it('has all its routes linked but the traps, and a correct crawl agrees with it', () => {
    assert.deepEqual(compareWithSite(site, results), []);
  });

  it('has hundreds of pages, made of the project, and everything that makes crawling hard', () => {
    const routes = [...site.routes.values()];
    const count = (is: (route: DemoRoute) => boolean) =>
      routes.filter((route) => !route.isTrap && is(route)).length;
    assert.ok(count(() => true) > 300);
    assert.ok(count(({ target }) => target.startsWith('/files/')) >= sources.length);
    assert.equal(
      count(({ delay }) => delay === 100),
      SLOW_PAGES,
    );
    assert.ok(count(({ status }) => status === 404) >= 20);
    assert.ok(count(({ body }) => body.length >= 1024 * 1024) >= 3);
    assert.ok(count(({ errorCode }) => errorCode === 'ERR_REDIRECT_LOOP') >= 4);
    assert.ok(count(({ errorCode }) => errorCode === 'ERR_TOO_MANY_REDIRECTS') > DEMO_REDIRECTS_MAX);
    assert.ok(count(({ target }) => target.includes('?')) > 5);
    assert.ok(routes.some(({ isTrap }) => isTrap));
  });

  it('answers what it does not know with 404', () => {
    const answer = createDemoSite(ORIGIN, sources).answer({ target: '/nowhere' } as HttpRequest);
    assert.equal('status' in answer && answer.status, 404);
  });

  describe('compared with a crawl', () => {
    const [first, ...rest] = results;
    assert.ok(first);
    const cases: [string, PageResult[], RegExp][] = [
      ['a page that is missing', rest, /^\/ was not found$/],
      ['a page that was fetched twice', [...results, first], /reported twice/],
      ['a wrong status', [...rest, { ...first, status: 201 }], /the status 201, not 200/],
      [
        'a body that is a byte short',
        [...rest, { ...first, byteCount: first.byteCount - 1 }],
        /the bytes \d+, not/,
      ],
      ['an error that is none', [...rest, { ...first, errorCode: 'X' }], /the error X, not null/],
      [
        'a page that is not there',
        [...results, { ...first, url: `${ORIGIN}/x` }],
        /\/x is no page of the site/,
      ],
      ['a trap', [...results, { ...first, url: `${ORIGIN}/traps/comment` }], /no page leads there/],
    ];
    for (const [what, crawled, expected] of cases) {
      it(`notices ${what}`, () => {
        assert.match(compareWithSite(site, crawled).join('\n'), new RegExp(expected.source, 'm'));
      });
    }

    it('notices a request that the crawl does not tell of', () => {
      const asked = createDemoSite(ORIGIN, sources);
      const pages = walk(asked);
      asked.answer({ target: '/' } as HttpRequest);
      asked.answer({ target: '/traps/script' } as HttpRequest);
      asked.answer({ target: '/odd' } as HttpRequest);
      assert.deepEqual(compareWithSite(asked, pages), [
        '/ was asked for 2 times, not 1',
        '/traps/script was asked for 1 times, not 0',
        '/odd was asked for, and the site has no such page',
      ]);
    });
  });
});
