/**
 * Serves the files below a folder, and nothing else: not what lies outside it, whether asked for by `..`, by an encoded
 * spelling of it, or through a symbolic link; and not what is hidden (a name that begins with a dot), except
 * `.well-known`.
 */
import { constants } from 'node:fs';
import { type FileHandle, open, readdir, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { lookup } from 'mrmime';
import { coroutine, wrapFuture } from '../../coroutines/index.ts';
import type { Suspension } from '../../interface/index.ts';
import { type BodySource, PIECE_BYTES } from './body-source.ts';
import { escapeHtml } from './escape-html.ts';
import { type HttpHandler, type HttpResponse, plainResponse } from './http-server.ts';

/**
 * @param folder its files are served; links to files inside it are followed
 * @throws what Node says of a folder that cannot be read
 */
export const createFileHandler = coroutine(function* (
  folder: string,
): Generator<Suspension, HttpHandler, unknown> {
  const root = yield* wrapFuture(realpath(folder));
  yield* wrapFuture(readdir(root));
  return (request) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return plainResponse(405, undefined, { Allow: 'GET, HEAD' });
    }
    const [path = '', query] = splitTarget(request.target);
    const names = decodePath(path);
    if (names === null) return plainResponse(404);
    return answer(root, path, query === undefined ? '' : `?${query}`, names);
  };
});

const answer = coroutine(function* (
  root: string,
  path: string,
  query: string,
  names: readonly string[],
): Generator<Suspension, HttpResponse, unknown> {
  try {
    const file = yield* wrapFuture(realpath(join(root, ...names)));
    if (file !== root && !file.startsWith(root.endsWith(sep) ? root : root + sep)) return plainResponse(403);
    const found = yield* wrapFuture(stat(file));
    if (found.isDirectory()) {
      if (!path.endsWith('/')) return redirectTo(`${path}/${query}`);
      return yield* answerFolder(root, file, names);
    }
    // "a.txt/" would make the relative links of a page mean something else.
    if (!found.isFile() || path.endsWith('/')) return plainResponse(404);
    return yield* answerFile(file);
  } catch (error) {
    return responseTo(error);
  }
});

const answerFolder = coroutine(function* (
  root: string,
  folder: string,
  names: readonly string[],
): Generator<Suspension, HttpResponse, unknown> {
  const entries = yield* wrapFuture(readdir(folder, { withFileTypes: true }));
  if (entries.some(({ name }) => name === 'index.html')) {
    // By its real path again: an index.html may be a link, too.
    const index = yield* wrapFuture(realpath(join(folder, 'index.html')));
    if (!index.startsWith(root.endsWith(sep) ? root : root + sep)) return plainResponse(403);
    if ((yield* wrapFuture(stat(index))).isFile()) return yield* answerFile(index);
  }
  const listed = entries
    .filter(({ name }) => !isHidden(name))
    .map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name))
    .sort();
  return htmlResponse(listing(names, listed));
});

const answerFile = coroutine(function* (file: string): Generator<Suspension, HttpResponse, unknown> {
  const handle = yield* openFile(file);
  try {
    const found = yield* wrapFuture(handle.stat());
    if (!found.isFile()) {
      closeQuietly(handle);
      return plainResponse(404);
    }
    const headers = { 'Content-Type': contentType(file), 'X-Content-Type-Options': 'nosniff' };
    return { status: 200, headers, body: fileBody(handle, found.size) };
  } catch (error) {
    closeQuietly(handle);
    throw error;
  }
});

const openFile = coroutine(function* (file: string): Generator<Suspension, FileHandle, unknown> {
  // Between the look at the path and this, somebody may have put a link or a named pipe in the file's place: the one
  // must not be followed, and to open the other must not wait for a writer.
  const opening = open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    return yield* wrapFuture(opening);
  } catch (error) {
    opening.then(closeQuietly, () => {});
    throw error;
  }
});

function fileBody(handle: FileHandle, byteCount: number): BodySource {
  let position = 0;
  return {
    byteCount,
    read: coroutine(function* (): Generator<Suspension, Uint8Array | null, unknown> {
      // Never more than was announced, even if the file has grown.
      const wanted = Math.min(PIECE_BYTES, byteCount - position);
      if (wanted === 0) return null;
      const piece = new Uint8Array(wanted);
      const { bytesRead } = yield* wrapFuture(handle.read(piece, 0, wanted, position));
      position += bytesRead;
      return bytesRead === 0 ? null : piece.subarray(0, bytesRead);
    }),
    close: () => closeQuietly(handle),
  };
}

function closeQuietly(handle: FileHandle): void {
  handle.close().catch(() => {});
}

/** Path and query of a request's target, which may be a whole URL. */
function splitTarget(target: string): string[] {
  const path = target.replace(/^https?:\/\/[^/?#]*/i, '');
  const [withoutFragment = ''] = path.split('#', 1);
  const mark = withoutFragment.indexOf('?');
  return mark < 0 ? [withoutFragment] : [withoutFragment.slice(0, mark), withoutFragment.slice(mark + 1)];
}

/** The names between the slashes, decoded; null if one is none that a file of ours can have. */
function decodePath(path: string): string[] | null {
  if (!path.startsWith('/')) return null;
  const names: string[] = [];
  for (const part of path.split('/')) {
    if (part === '') continue;
    let name: string;
    try {
      name = decodeURIComponent(part);
    } catch {
      return null;
    }
    // After decoding: '%2e%2e' and '%2f' mean what '..' and '/' do, as soon as a file system sees them.
    if (isHidden(name) || /[/\\\0]/.test(name)) return null;
    names.push(name);
  }
  return names;
}

function isHidden(name: string): boolean {
  return name.startsWith('.') && name !== '.well-known';
}

function contentType(file: string): string {
  const type = lookup(file) ?? 'application/octet-stream';
  return /^text\/|^application\/(?:json|javascript)$/.test(type) ? `${type}; charset=utf-8` : type;
}

function redirectTo(location: string): HttpResponse {
  // "//name/" would be read as another host's name.
  return plainResponse(301, undefined, { Location: location.replace(/^\/+/, '/') });
}

function listing(names: readonly string[], entries: readonly string[]): string {
  const title = escapeHtml(`/${names.map((name) => `${name}/`).join('')}`);
  const items = [...(names.length > 0 ? ['../'] : []), ...entries].map((entry) => {
    const href = entry.split('/').map(encodeURIComponent).join('/');
    return `<li><a href="./${href}">${escapeHtml(entry)}</a></li>`;
  });
  return `<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>${title}</title></head>\n<body><h1>${title}</h1>\n<ul>\n${items.join('\n')}\n</ul></body></html>\n`;
}

function htmlResponse(body: string): HttpResponse {
  return { status: 200, headers: { 'Content-Type': 'text/html; charset=utf-8' }, body };
}

/** What a failing file system means to a client. @throws what is our own trouble, not the client's */
function responseTo(error: unknown): HttpResponse {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
    case 'ENAMETOOLONG':
    case 'ELOOP':
      return plainResponse(404);
    case 'EACCES':
    case 'EPERM':
      return plainResponse(403);
    case 'EMFILE':
    case 'ENFILE':
      return plainResponse(503);
    default:
      throw error;
  }
}
