/**
 * A site to crawl, made from the project's own documentation and sources, with everything that makes crawling hard: slow
 * pages, large pages, missing pages, redirects good and bad, one page under many spellings, and links that look like
 * links and are none.
 *
 * The site is a table of routes. It is written down here for each route what a correct crawler makes of it, and never
 * derived from what ours does; the two are compared by `demo-check.ts`.
 */
import { coroutine, sleep } from '../../coroutines/index.ts';
import type { Suspension } from '../../interface/index.ts';
import type { SourceFile } from './demo-sources.ts';
import { escapeHtml } from './escape-html.ts';
import type { HttpRequest, HttpResponse } from './http-server.ts';

export interface DemoRoute {
  /** path and query, as a request asks for it */
  readonly target: string;
  readonly status: number;
  readonly body: Uint8Array;
  /** where a redirect leads, as its Location says it */
  readonly location: string | null;
  /** milliseconds before the answer */
  readonly delay: number;
  /** as what kind of error a crawl must report it; null: none */
  readonly errorCode: string | null;
  /** a route that no correct crawl asks for */
  readonly isTrap: boolean;
}

export interface DemoSite {
  readonly origin: string;
  readonly routes: ReadonlyMap<string, DemoRoute>;
  /** how often each target was asked for */
  readonly askedFor: ReadonlyMap<string, number>;
  answer(request: HttpRequest): HttpResponse | ReturnType<typeof answerSlowly>;
}

export const SLOW_PAGES = 200;
export const SLOW_PAGE_MILLISECONDS = 100;
/** A crawl of the site must follow so many redirects in a row, and no more. */
export const DEMO_REDIRECTS_MAX = 10;

const LINES_A_PART = 200;
const NAMES_MAX = 150;
const MISSING_PAGES = 20;
const LARGE_PAGE_MEBIBYTES = [1, 2, 4];

/**
 * @param origin where it is served: `http://127.0.0.1:8080`
 * @param sources what most of its pages are made of
 */
export function createDemoSite(origin: string, sources: readonly SourceFile[]): DemoSite {
  const exported = [...new Set(sources.flatMap(({ text }) => exportedNames(text)))].sort();
  const names = new Set(exported.slice(0, NAMES_MAX));
  const routes = new Map<string, DemoRoute>();
  for (const route of [
    ...homeRoutes(),
    ...sourceRoutes(sources, names),
    ...nameRoutes(sources, names),
    ...slowRoutes(),
    ...largeRoutes(sources),
    ...missingRoutes(),
    ...redirectRoutes(origin, sources),
    ...spellingRoutes(origin),
    ...trapRoutes(origin),
  ]) {
    if (routes.has(route.target))
      throw new Error(`Cannot make the demo's site: ${route.target} is there twice`);
    routes.set(route.target, route);
  }
  const askedFor = new Map<string, number>();
  return {
    origin,
    routes,
    askedFor,
    answer({ target }) {
      askedFor.set(target, (askedFor.get(target) ?? 0) + 1);
      const found = routes.get(target) ?? page(target, 'Not found', '', { status: 404 });
      return found.delay > 0 ? answerSlowly(found) : respond(found);
    },
  };
}

const answerSlowly = coroutine(function* (route: DemoRoute): Generator<Suspension, HttpResponse, unknown> {
  yield* sleep(route.delay);
  return respond(route);
});

function respond({ status, body, location }: DemoRoute): HttpResponse {
  const headers = {
    'Content-Type': 'text/html; charset=utf-8',
    ...(location === null ? {} : { Location: location }),
  };
  return { status, headers, body };
}

function homeRoutes(): DemoRoute[] {
  const sections = ['files/', 'names/', 'slow/', 'large/', 'missing/', 'redirects/', 'spellings/', 'traps/'];
  return [page('/', 'Tulipa, as a site', list(sections.map((path) => link(path, path))))];
}

/** Every file, in parts of some hundred lines, told apart by their query; with links to the names that it exports. */
function sourceRoutes(sources: readonly SourceFile[], names: ReadonlySet<string>): DemoRoute[] {
  const index = list(sources.map(({ path }) => link(partTarget(path, 1), path)));
  const routes = [page('/files/', 'Files', index)];
  for (const { path, text } of sources) {
    const lines = text.split('\n');
    const partCount = Math.ceil(lines.length / LINES_A_PART);
    for (let part = 1; part <= partCount; part += 1) {
      const shown = lines.slice((part - 1) * LINES_A_PART, part * LINES_A_PART).join('\n');
      const others = Array.from({ length: partCount }, (_, at) =>
        link(partTarget(path, at + 1), `part ${at + 1}`),
      );
      const exported = exportedNames(shown)
        .filter((name) => names.has(name))
        .map((name) => link(`/names/${name}`, name));
      const body = `${list(others)}<pre>${escapeHtml(shown)}</pre>${list(exported)}${link('/files/', 'all files')}`;
      routes.push(page(partTarget(path, part), path, body));
    }
  }
  return routes;
}

function partTarget(path: string, part: number): string {
  const target = `/files/${encodeURI(path)}`;
  return part === 1 ? target : `${target}?part=${part}`;
}

function exportedNames(text: string): string[] {
  const declarations = text.matchAll(/^export (?:async )?(?:const|function\*?|class|interface|type) (\w+)/gm);
  return [...new Set([...declarations].map((match) => match[1] ?? ''))];
}

/** A page for each name, with the files in which it occurs. */
function nameRoutes(sources: readonly SourceFile[], names: ReadonlySet<string>): DemoRoute[] {
  const files = sources.map(({ path, text }) => ({ path, words: new Set(text.match(/\w+/g)) }));
  const pages = [...names].map((name) => {
    const users = files
      .filter(({ words }) => words.has(name))
      .map(({ path }) => link(partTarget(path, 1), path));
    return page(`/names/${name}`, name, list(users));
  });
  return [page('/names/', 'Names', list([...names].map((name) => link(name, name)))), ...pages];
}

function slowRoutes(): DemoRoute[] {
  const numbers = Array.from({ length: SLOW_PAGES }, (_, at) => String(at + 1));
  const index = page(
    '/slow/',
    'Slow pages',
    list(numbers.map((number) => link(number, `slow page ${number}`))),
  );
  const delay = SLOW_PAGE_MILLISECONDS;
  const pages = numbers.map((number) =>
    page(`/slow/${number}`, `Slow page ${number}`, link('./', 'up'), { delay }),
  );
  return [index, ...pages];
}

/** Each has a link at its very end: whoever does not read it whole misses a page. */
function largeRoutes(sources: readonly SourceFile[]): DemoRoute[] {
  const paragraphs = sources.map(({ text }) => `<pre>${escapeHtml(text)}</pre>\n`).join('');
  const routes = [
    page('/large/', 'Large pages', list(LARGE_PAGE_MEBIBYTES.map((size) => link(`${size}`, `${size} MiB`)))),
  ];
  for (const size of LARGE_PAGE_MEBIBYTES) {
    const filler = paragraphs.repeat(Math.ceil((size * 1024 * 1024) / paragraphs.length));
    routes.push(page(`/large/${size}`, `${size} MiB`, `${filler}${link(`end?of=${size}`, 'the end')}`));
    routes.push(page(`/large/end?of=${size}`, `The end of ${size} MiB`, link('./', 'up')));
  }
  return routes;
}

function missingRoutes(): DemoRoute[] {
  const missing = Array.from({ length: MISSING_PAGES }, (_, at) => `missing-${at + 1}`);
  const failing = { gone: 410, broken: 500, busy: 503 };
  const links = [...missing, ...Object.keys(failing)].map((name) => link(name, name));
  return [
    page('/missing/', 'Links to nowhere', list(links)),
    ...missing.map((name) => page(`/missing/${name}`, 'Not found', link('./', 'up'), { status: 404 })),
    ...Object.entries(failing).map(([name, status]) => page(`/missing/${name}`, name, '', { status })),
  ];
}

function redirectRoutes(origin: string, sources: readonly SourceFile[]): DemoRoute[] {
  const file = partTarget(sources[0]?.path ?? '', 1);
  const good = [
    redirect('/redirects/301', 301, file),
    redirect('/redirects/302', 302, `${origin}/names/`),
    redirect('/redirects/303', 303, '../slow/'),
    redirect('/redirects/307', 307, './?arrived=yes'),
    redirect('/redirects/308', 308, 'landing#here'),
    redirect('/redirects/away', 302, 'http://elsewhere.invalid/'),
  ];
  const landings = [
    page('/redirects/?arrived=yes', 'Arrived', ''),
    page('/redirects/landing', 'Landed', ''),
    page('/redirects/chain-end', 'The end of the chain', ''),
  ];
  // As many redirects in a row as are followed …
  const chain = numbered('/redirects/chain-', DEMO_REDIRECTS_MAX, '/redirects/chain-end', null);
  // … and more: the first is linked, then so many are followed, and what comes after must not be asked for.
  const tooLong = numbered(
    '/redirects/long-',
    DEMO_REDIRECTS_MAX + 5,
    '/redirects/landing',
    'ERR_TOO_MANY_REDIRECTS',
  ).map((route, at) => (at <= DEMO_REDIRECTS_MAX ? route : { ...route, errorCode: null, isTrap: true }));
  const loop = 'ERR_REDIRECT_LOOP';
  const loops = [
    redirect('/redirects/itself', 302, 'itself', loop),
    redirect('/redirects/loop-a', 302, 'loop-b', loop),
    redirect('/redirects/loop-b', 302, 'loop-c', loop),
    redirect('/redirects/loop-c', 302, 'loop-a', loop),
    redirect('/redirects/into-loop', 302, 'loop-b', loop),
  ];
  const linked = [
    ...good.map(({ target }) => target),
    chain[0]?.target ?? '',
    tooLong[0]?.target ?? '',
    '/redirects/itself',
    '/redirects/loop-a',
    '/redirects/into-loop',
  ];
  const index = page('/redirects/', 'Redirects', list(linked.map((target) => link(target, target))));
  return [index, ...good, ...landings, ...chain, ...tooLong, ...loops];
}

/** `count` redirects, each to the next, the last one to `end`. */
function numbered(prefix: string, count: number, end: string, errorCode: string | null): DemoRoute[] {
  return Array.from({ length: count }, (_, at) =>
    redirect(`${prefix}${at + 1}`, 301, at + 1 < count ? `${prefix}${at + 2}` : end, errorCode),
  );
}

/** One page by many names, and many pages by almost the same name. */
function spellingRoutes(origin: string): DemoRoute[] {
  const same = [
    'target',
    './target',
    '../spellings/target',
    '/spellings/target',
    '/spellings/./other/../target',
    '/spellings/%2e/target',
    'target#part',
    'target#',
    '  target  ',
    'tar\nget',
    `${origin}/spellings/target`,
    `${origin.replace('http:', 'HTTP:')}/spellings/target`,
    `${origin.replace('http:', '')}/spellings/target`,
    `${origin.replace('//', '//somebody@')}/spellings/target`,
  ];
  const queries = ['?q=1', '?q=2', '?q=1&page=2', '?page=2&q=1', '?q=%31'];
  const body = [
    list([...same, ...queries.map((query) => `target${query}`), 'based/'].map((href) => link(href, href))),
    '<A CLASS=x HREF=target>without quotes</A>',
    "<a href='target'>in single quotes</a>",
    '<map name="m"><area href="by-area" alt=""></map>',
    '<iframe src="by-frame"></iframe>',
  ].join('\n');
  return [
    page('/spellings/', 'Spellings', body),
    ...['target', 'by-area', 'by-frame'].map((name) => page(`/spellings/${name}`, name, link('./', 'up'))),
    ...queries.map((query) => page(`/spellings/target${query}`, query, link('./', 'up'))),
    // A page with a base: "relative" is not below /spellings/based/.
    page('/spellings/based/', 'Based', link('relative', 'relative'), {
      head: '<base href="/spellings/on-base/">',
    }),
    page('/spellings/on-base/relative', 'Relative to the base', ''),
  ];
}

/** What looks like a link and is none, or leads off the site. */
function trapRoutes(origin: string): DemoRoute[] {
  const isTrap = true;
  const body = [
    '<!-- <a href="comment">commented out</a> -->',
    '<script>document.write(\'<a href="script">written by a script</a>\');</script>',
    '<style>/* <a href="style">styled</a> */</style>',
    '<textarea><a href="textarea">typed</a></textarea>',
    '<p title=\'<a href="attribute">\'>in an attribute</p>',
    '&lt;a href="escaped"&gt;escaped&lt;/a&gt;',
    `<a href="${origin.replace('127.0.0.1', 'localhost')}/traps/origin">another origin</a>`,
    '<a href="https://elsewhere.invalid/">another site</a>',
    '<a href="mailto:somebody@elsewhere.invalid">mail</a>',
    '<a href="javascript:location=\'script\'">script</a>',
    '<a href="ftp://127.0.0.1/traps/ftp">file transfer</a>',
    '<a href="http://[not a host/">no address</a>',
    '<a name="anchor">no link</a><a href="">this page again</a><a href="#">and again</a>',
    '<img src="image" alt="no page"><form action="form"></form>',
  ].join('\n');
  const traps = [
    'comment',
    'script',
    'style',
    'textarea',
    'attribute',
    'escaped',
    'origin',
    'ftp',
    'image',
    'form',
  ];
  return [
    page('/traps/', 'No links', body),
    ...traps.map((name) => page(`/traps/${name}`, 'A trap', '', { isTrap })),
  ];
}

function page(
  target: string,
  title: string,
  body: string,
  options: { status?: number; delay?: number; isTrap?: boolean; head?: string } = {},
): DemoRoute {
  const { status = 200, delay = 0, isTrap = false, head = '' } = options;
  const heading = escapeHtml(title);
  const html = `<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>${heading}</title>${head}</head>\n<body><h1>${heading}</h1>\n${body}\n<p><a href="/">home</a></p></body></html>\n`;
  return {
    target,
    status,
    body: new TextEncoder().encode(html),
    location: null,
    delay,
    errorCode: status >= 400 ? `HTTP ${status}` : null,
    isTrap,
  };
}

function redirect(
  target: string,
  status: number,
  location: string,
  errorCode: string | null = null,
): DemoRoute {
  return { ...page(target, `${status}`, '', { status }), location, errorCode };
}

function link(href: string, text: string): string {
  return `<a href="${escapeHtml(href)}">${escapeHtml(text)}</a>`;
}

function list(items: readonly string[]): string {
  return `<ul>\n${items.map((item) => `<li>${item}</li>`).join('\n')}\n</ul>\n`;
}
