import { isIPv4, isIPv6 } from 'node:net';
import { type AddressFamily, type SocketAddress, SystemError } from '../interface/index.ts';
import { constants, isDarwin } from './constants.ts';
import { libc } from './libc.ts';

const { AF_INET, AF_INET6, AF_UNIX, UNIX_PATH_BYTES } = constants;

/** Enough for any address that we know: sockaddr_un is the largest. */
export const addressBytesMax = 128;

const pathOffset = 2;

const utf8 = new TextEncoder();
const utf8Decoder = new TextDecoder();

/**
 * An address as the kernel takes it: sockaddr_in, sockaddr_in6 (28 bytes, with scope) or sockaddr_un.
 *
 * @throws {RangeError} a host that is no literal address of its family
 * @throws {SystemError} EINVAL: a path that does not fit
 * @see ip(7), ipv6(7), unix(7)
 */
export function encodeAddress(address: SocketAddress): Uint8Array<ArrayBuffer> {
  if ('path' in address) return encodeUnix(address.path);
  return address.family === 6
    ? encodeInternet6(address.host, address.port)
    : encodeInternet4(address.host, address.port);
}

/** The address in `bytes`, of which the kernel wrote `length`; null if it wrote none. */
export function decodeAddress(bytes: Uint8Array<ArrayBuffer>, length: number): SocketAddress | null {
  if (length < 2) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const family = isDarwin ? view.getUint8(1) : view.getUint16(0, true);
  if (family === AF_INET) {
    return {
      host: `${bytes[4]}.${bytes[5]}.${bytes[6]}.${bytes[7]}`,
      port: view.getUint16(2),
      family: 4,
    };
  }
  if (family === AF_INET6) {
    const scope = view.getUint32(24, true);
    const host = formatInternet6(view, 8);
    return {
      host: scope === 0 ? host : `${host}%${interfaceName(scope)}`,
      port: view.getUint16(2),
      family: 6,
    };
  }
  if (family === AF_UNIX) return { path: decodePath(bytes.subarray(pathOffset, length)) };
  return null;
}

/** The family's number for socket(2). */
export function familyNumber(family: AddressFamily | 'unix'): number {
  return family === 'unix' ? AF_UNIX : family === 6 ? AF_INET6 : AF_INET;
}

function encodeInternet4(host: string, port: number): Uint8Array<ArrayBuffer> {
  if (!isIPv4(host)) throw new RangeError(`Cannot use ${host}: it is no IPv4 address`);
  const bytes = new Uint8Array(new ArrayBuffer(16));
  begin(bytes, AF_INET);
  new DataView(bytes.buffer).setUint16(2, port);
  bytes.set(host.split('.').map(Number), 4);
  return bytes;
}

function encodeInternet6(host: string, port: number): Uint8Array<ArrayBuffer> {
  if (!isIPv6(host)) throw new RangeError(`Cannot use ${host}: it is no IPv6 address`);
  const [literal = '', scope] = host.split('%', 2);
  const bytes = new Uint8Array(new ArrayBuffer(28));
  begin(bytes, AF_INET6);
  const view = new DataView(bytes.buffer);
  view.setUint16(2, port);
  for (const [index, group] of groupsOf(literal).entries()) view.setUint16(8 + 2 * index, group);
  if (scope !== undefined) view.setUint32(24, interfaceIndex(scope), true);
  return bytes;
}

function encodeUnix(path: string): Uint8Array<ArrayBuffer> {
  const name = utf8.encode(path);
  // A path ends with NUL, an abstract name (which begins with it) where its length says.
  const abstract = name[0] === 0;
  if (!abstract && name.includes(0)) {
    // The kernel would take what is before it for the whole path.
    throw new SystemError(`Cannot use the path ${JSON.stringify(path)}: it contains a NUL`, {
      code: 'EINVAL',
      address: path,
    });
  }
  if (name.length + (abstract ? 0 : 1) > UNIX_PATH_BYTES) {
    throw new SystemError(
      `Cannot use the path ${path.replace(/^\0/, '@')}: it has ${name.length} bytes, the kernel takes ${UNIX_PATH_BYTES - 1}`,
      { code: 'EINVAL', address: path },
    );
  }
  const length = path === '' ? 0 : name.length + (abstract ? 0 : 1);
  const bytes = new Uint8Array(new ArrayBuffer(pathOffset + length));
  begin(bytes, AF_UNIX);
  bytes.set(name, pathOffset);
  return bytes;
}

function begin(bytes: Uint8Array<ArrayBuffer>, family: number): void {
  if (isDarwin) bytes.set([bytes.length, family]);
  else new DataView(bytes.buffer).setUint16(0, family, true);
}

function decodePath(bytes: Uint8Array): string {
  if (bytes.length === 0) return '';
  if (bytes[0] === 0) return utf8Decoder.decode(bytes);
  const end = bytes.indexOf(0);
  return utf8Decoder.decode(end === -1 ? bytes : bytes.subarray(0, end));
}

/** The eight groups of a literal address without scope, of which one run may be left out (`::`). @see RFC 4291 2.2 */
function groupsOf(literal: string): number[] {
  const [head = '', tail] = literal.split('::', 2).map(groupList);
  if (tail === undefined) return head as number[];
  const left = head as number[];
  return [...left, ...new Array<number>(8 - left.length - tail.length).fill(0), ...tail];
}

function groupList(part: string): number[] {
  if (part === '') return [];
  return part.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number);
    return [a * 256 + b, c * 256 + d];
  });
}

/** @see RFC 5952: lower case, the longest run of two or more zero groups left out, the first of equals */
function formatInternet6(view: DataView, at: number): string {
  const groups = Array.from({ length: 8 }, (_, index) => view.getUint16(at + 2 * index));
  let start = -1;
  let longest = 1;
  for (let from = 0; from < 8; from++) {
    let to = from;
    while (to < 8 && groups[to] === 0) to++;
    if (to - from > longest) {
      start = from;
      longest = to - from;
    }
    if (to > from) from = to;
  }
  // What holds an IPv4 address, mapped or (long deprecated) compatible, inet_ntop(3) writes so.
  const mapped = longest === 5 && groups[5] === 0xffff;
  if (start === 0 && (mapped || longest === 6)) {
    const internet4 = [12, 13, 14, 15].map((index) => view.getUint8(at + index)).join('.');
    return mapped ? `::ffff:${internet4}` : `::${internet4}`;
  }
  const text = (part: number[]) => part.map((group) => group.toString(16)).join(':');
  return start === -1
    ? text(groups)
    : `${text(groups.slice(0, start))}::${text(groups.slice(start + longest))}`;
}

/** 0 if there is no such interface, which the kernel then refuses. */
function interfaceIndex(scope: string): number {
  if (/^\d+$/.test(scope)) return Number(scope);
  return libc().if_nametoindex(utf8.encode(`${scope}\0`));
}

function interfaceName(index: number): string {
  const name = new Uint8Array(new ArrayBuffer(16));
  return libc().if_indextoname(index, name) === 0 ? String(index) : decodePath(name);
}
