import type { AddressFamily, ResolvedAddress, ResolveOptions, SocketType } from '../../interface/index.ts';
import { type Address, constants, copyNative, decodeAddress, isDarwin } from '../../syscalls/index.ts';
import type { Libuv } from './libuv.ts';

const { AF_INET, AF_INET6, SOCK_DGRAM, SOCK_STREAM } = constants;

/** struct addrinfo on 64-bit Unix: four numbers, the address' length, and three pointers, of which Apple swaps two. */
const addressInfoBytes = 48;
const addressLengthOffset = 16;
const addressOffset = isDarwin ? 32 : 24;
const canonicalNameOffset = isDarwin ? 24 : 32;
const nextOffset = 40;

const utf8 = new TextDecoder();

/** The `hints` of getaddrinfo(3). */
export function encodeHints(options: ResolveOptions): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(new ArrayBuffer(addressInfoBytes));
  const family = options.family === undefined ? 0 : options.family === 6 ? AF_INET6 : AF_INET;
  const type = options.type === 'datagram' ? SOCK_DGRAM : SOCK_STREAM;
  const { flags = 0 } = options;
  bytes.set(new Uint8Array(Int32Array.of(flags, family, type).buffer));
  return bytes;
}

/** What getaddrinfo(3) answered: the list that begins at `first`, copied. */
export function decodeAddressInfo(uv: Libuv, first: Address, type: SocketType): ResolvedAddress[] {
  const addresses: ResolvedAddress[] = [];
  for (let at = first; at !== 0; ) {
    const info = new DataView(copyNative(at, addressInfoBytes).buffer);
    const pointer = (offset: number) => Number(info.getBigUint64(offset, true));
    const length = info.getUint32(addressLengthOffset, true);
    const address = decodeAddress(copyNative(pointer(addressOffset), length), length);
    const name = pointer(canonicalNameOffset);
    if (address !== null && 'host' in address) {
      addresses.push({
        host: address.host,
        port: address.port,
        family: address.family satisfies AddressFamily,
        type,
        ...(name === 0 ? {} : { canonicalName: textAt(uv, name) }),
      });
    }
    at = pointer(nextOffset);
  }
  return addresses;
}

function textAt(uv: Libuv, address: Address): string {
  const length = uv.strlen(address);
  return length === 0 ? '' : utf8.decode(copyNative(address, length));
}
