import { Parser } from 'htmlparser2';

/** Elements that lead from page to page, and the attribute that says where. */
const ATTRIBUTE_BY_ELEMENT: Readonly<Record<string, string>> = {
  a: 'href',
  area: 'href',
  iframe: 'src',
  frame: 'src',
};

/**
 * Finds the links of an HTML page that is fed to it piece by piece, each at most once, in their order.
 *
 * A link is absolute and has no fragment: what a server can be asked for. Links to what no server answers, such as
 * `mailto:`, and links that are no URL, are left out.
 */
export class LinkFinder {
  readonly #links = new Set<string>();
  readonly #parser: Parser;
  readonly #decoder: TextDecoder;
  #base: string;
  #hasBase = false;

  /**
   * @param url of the page; an HTML `base` element overrules it
   * @param charset as the server names it; UTF-8 where it is null or unknown
   */
  constructor(url: string, charset: string | null = null) {
    this.#base = url;
    this.#decoder = createTextDecoder(charset);
    this.#parser = new Parser({
      onopentag: (name, attributes) => {
        if (name === 'base') this.#setBase(attributes['href']);
        const attribute = ATTRIBUTE_BY_ELEMENT[name];
        const target = attribute === undefined ? undefined : attributes[attribute];
        if (target !== undefined) this.#add(target);
      },
    });
  }

  feed(bytes: Uint8Array): void {
    this.#parser.write(this.#decoder.decode(bytes, { stream: true }));
  }

  /** Call it once, at the end of the page. */
  finish(): string[] {
    this.#parser.end(this.#decoder.decode());
    return [...this.#links];
  }

  #setBase(target: string | undefined): void {
    // Only the first one counts (HTML, "The base element").
    if (target === undefined || this.#hasBase) return;
    this.#hasBase = true;
    const url = resolveLink(target, this.#base);
    if (url !== null) this.#base = url;
  }

  #add(target: string): void {
    const link = resolveLink(target, this.#base);
    if (link !== null) this.#links.add(link);
  }
}

/** An absolute http or https URL without fragment and credentials; null if `target` is none. */
export function resolveLink(target: string, base: string): string | null {
  let url: URL;
  try {
    url = new URL(target, base);
  } catch {
    return null;
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return null;
  url.hash = '';
  url.username = '';
  url.password = '';
  return url.href;
}

function createTextDecoder(charset: string | null): TextDecoder {
  try {
    return new TextDecoder(charset ?? 'utf-8');
  } catch {
    return new TextDecoder();
  }
}
