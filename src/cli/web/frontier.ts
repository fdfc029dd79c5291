/**
 * Which URLs a crawl knows, and which of them are to be fetched: no I/O, no order of arrival.
 *
 * Pages come in whatever order the network gives, and a page may be found first by the longer of two ways. Yet what a
 * crawl fetches must not depend on that. So two numbers are kept for each URL, both minima over all ways known so far:
 * `depth`, links from the start, and `hops`, redirects since the last link. A URL is fetched if both are within bounds.
 * When a number of a page that is already fetched goes down, those of its links follow. In the end the numbers are the
 * same in whatever order the pages came.
 */
export interface FrontierBounds {
  /** links from the start page that are followed; Infinity: all */
  readonly depthMax: number;
  /** redirects in a row that are followed */
  readonly redirectsMax: number;
}

interface Entry {
  readonly url: string;
  depth: number;
  hops: number;
  isTaken: boolean;
  links: readonly string[];
  redirect: string | null;
}

/** How the redirects behind a URL end. */
export type RedirectEnd = 'arrives' | 'loops' | 'tooMany';

export class Frontier {
  readonly #bounds: FrontierBounds;
  readonly #origin: string;
  readonly #entries = new Map<string, Entry>();
  /** what is within bounds and was not taken yet, first found first; a set because it may be found again */
  readonly #waiting = new Set<Entry>();
  #takenCount = 0;

  /** @param start absolute, without fragment; only URLs of its origin are followed */
  constructor(start: string, bounds: FrontierBounds) {
    this.#bounds = bounds;
    this.#origin = new URL(start).origin;
    this.#find(start, 0, 0);
  }

  /** How many URLs there are to fetch, as far as known: taken already, or waiting. */
  get foundCount(): number {
    return this.#takenCount + this.#waiting.size;
  }

  get waitingCount(): number {
    return this.#waiting.size;
  }

  /** The next URL to fetch, null if there is none now. Each is given out once. */
  take(): string | null {
    for (const entry of this.#waiting) {
      this.#waiting.delete(entry);
      entry.isTaken = true;
      this.#takenCount += 1;
      return entry.url;
    }
    return null;
  }

  /** Links from the start to `url`, as far as known; Infinity for a URL that is not. */
  depthOf(url: string): number {
    return this.#entries.get(url)?.depth ?? Number.POSITIVE_INFINITY;
  }

  /** `url` was fetched and is a page with these links. */
  addLinks(url: string, links: readonly string[]): void {
    const entry = this.#entries.get(url);
    if (entry === undefined) return;
    entry.links = links;
    this.#followFrom(entry);
  }

  /** `url` was fetched and sends on to `target`. */
  addRedirect(url: string, target: string): void {
    const entry = this.#entries.get(url);
    if (entry === undefined) return;
    entry.redirect = target;
    this.#followFrom(entry);
  }

  /** Where the redirects from `url` on lead, as far as known. */
  followRedirects(url: string): RedirectEnd {
    const seen = new Set<string>();
    let entry = this.#entries.get(url);
    while (entry !== undefined && entry.redirect !== null) {
      if (seen.has(entry.url)) return 'loops';
      seen.add(entry.url);
      const target = this.#entries.get(entry.redirect);
      if (target !== undefined && target.hops > this.#bounds.redirectsMax) return 'tooMany';
      entry = target;
    }
    return 'arrives';
  }

  #followFrom(from: Entry): void {
    const changed = [from];
    for (;;) {
      const entry = changed.pop();
      if (entry === undefined) return;
      for (const link of entry.links) this.#find(link, entry.depth + 1, 0, changed);
      if (entry.redirect !== null) this.#find(entry.redirect, entry.depth, entry.hops + 1, changed);
    }
  }

  /** Notes a way to `url`. If its numbers went down and others depend on them, it is added to `changed`. */
  #find(url: string, depth: number, hops: number, changed: Entry[] = []): void {
    const entry = this.#entries.get(url) ?? this.#create(url);
    if (entry === null || (depth >= entry.depth && hops >= entry.hops)) return;
    entry.depth = Math.min(depth, entry.depth);
    entry.hops = Math.min(hops, entry.hops);
    if (entry.isTaken) changed.push(entry);
    else if (entry.depth <= this.#bounds.depthMax && entry.hops <= this.#bounds.redirectsMax) {
      this.#waiting.add(entry);
    }
  }

  #create(url: string): Entry | null {
    if (new URL(url).origin !== this.#origin) return null;
    const entry = {
      url,
      depth: Number.POSITIVE_INFINITY,
      hops: Number.POSITIVE_INFINITY,
      isTaken: false,
      links: [],
      redirect: null,
    };
    this.#entries.set(url, entry);
    return entry;
  }
}
