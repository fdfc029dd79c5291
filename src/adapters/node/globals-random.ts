import nodeCrypto from 'node:crypto';
import { globalsClock } from './globals-clock.ts';
import { Immediate } from './globals-timers.ts';
import type { Replacements } from './replacements.ts';

// Numbers of the simulation's, in all shapes in which programs ask for chance. The real function is called first: it looks at the
// arguments, and makes what is then filled with other numbers. Those that call back would have a thread fill it: here the
// synchronous one does, and the loop calls back.

type Bytes = Uint8Array<ArrayBufferLike>;
type Callback<T> = (error: null, result: T) => void;

const realRandom = Math.random;
const { randomBytes, randomFillSync, randomFill, randomInt, randomUUID } = nodeCrypto;
const { randomUUIDv7 } = nodeCrypto as { randomUUIDv7?: (options?: object) => string };
const { getRandomValues } = globalThis.crypto;
const word = 2 ** 32;

function random(): number {
  return globalsClock()?.random() ?? realRandom();
}

/** In place of what is there, if there is a simulation. */
function overwrite(bytes: Bytes): void {
  if (globalsClock() === null) return;
  for (let i = 0; i < bytes.length; i += 4) {
    let bits = Math.floor(random() * word);
    for (let k = i; k < Math.min(i + 4, bytes.length); k++) {
      bytes[k] = bits & 255;
      bits >>>= 8;
    }
  }
}

function bytesOf(buffer: NodeJS.ArrayBufferView | ArrayBufferLike): Bytes {
  return ArrayBuffer.isView(buffer)
    ? new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength)
    : new Uint8Array(buffer);
}

/** Calls back in a turn of its own. False: no simulation runs, or that is nothing to call. */
function callsBack<T>(callback: unknown, result: () => T): boolean {
  const loop = globalsClock()?.loop();
  if (loop === undefined || typeof callback !== 'function') return false;
  new Immediate(loop, callback as (...args: unknown[]) => void, [null, result()]);
  return true;
}

const replaced = {
  randomBytes(size: number, callback?: Callback<Buffer>): Buffer | undefined {
    if (callback !== undefined) {
      if (!callsBack(callback, () => replaced.randomBytes(size))) randomBytes(size, callback as never);
      return undefined;
    }
    const bytes = randomBytes(size);
    overwrite(bytes);
    return bytes;
  },
  randomFillSync<T extends NodeJS.ArrayBufferView | ArrayBufferLike>(
    buffer: T,
    offset = 0,
    size?: number,
  ): T {
    const unit = (buffer as { BYTES_PER_ELEMENT?: number }).BYTES_PER_ELEMENT ?? 1;
    if (size === undefined) randomFillSync(buffer as Bytes, offset);
    else randomFillSync(buffer as Bytes, offset, size);
    const bytes = bytesOf(buffer);
    overwrite(bytes.subarray(offset * unit, size === undefined ? bytes.length : (offset + size) * unit));
    return buffer;
  },
  randomFill(buffer: Bytes, ...rest: unknown[]): void {
    const fill = () =>
      replaced.randomFillSync(buffer, ...(rest.slice(0, -1) as [offset?: number, size?: number]));
    if (!callsBack(rest.at(-1), fill)) Reflect.apply(randomFill, nodeCrypto, [buffer, ...rest]);
  },
  randomInt(...args: unknown[]): number | undefined {
    if (typeof args.at(-1) === 'function') {
      const draw = () => replaced.randomInt(...args.slice(0, -1));
      if (!callsBack(args.at(-1), draw)) Reflect.apply(randomInt, nodeCrypto, args);
      return undefined;
    }
    const real = Reflect.apply(randomInt, nodeCrypto, args) as unknown as number;
    if (globalsClock() === null) return real;
    const [min, max] = args.length === 1 || args[1] === undefined ? [0, args[0]] : args;
    const range = (max as number) - (min as number);
    const fraction = range <= word ? random() : (Math.floor(random() * word) + random()) / word;
    return (min as number) + Math.floor(fraction * range);
  },
  randomUUID(options?: object): string {
    const real = randomUUID(options);
    return globalsClock() === null ? real : uuid(4, replaced.randomBytes(16) as Bytes);
  },
  ...(randomUUIDv7 === undefined
    ? {}
    : {
        randomUUIDv7(options?: object): string {
          const real = randomUUIDv7(options);
          const milliseconds = globalsClock()?.now();
          if (milliseconds === undefined) return real;
          const bytes = replaced.randomBytes(16) as Buffer;
          bytes.writeUIntBE(Math.floor(milliseconds), 0, 6);
          return uuid(7, bytes);
        },
      }),
};

/** @see RFC 9562, section 4 */
function uuid(version: 4 | 7, bytes: Bytes): string {
  bytes[6] = ((bytes[6] as number) & 0x0f) | (version << 4);
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  const hex = Buffer.from(bytes).toString('hex');
  const parts = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)];
  return parts.join('-');
}

function fillValues<T extends NodeJS.ArrayBufferView>(values: T): T {
  Reflect.apply(getRandomValues, globalThis.crypto, [values]);
  overwrite(bytesOf(values));
  return values;
}

export function replaceRandom(replacements: Replacements): void {
  replacements.replace(Math, 'random', random);
  for (const [name, value] of Object.entries(replaced)) replacements.replace(nodeCrypto, name, value);
  replacements.replace(globalThis.crypto, 'getRandomValues', fillValues);
  replacements.replace(globalThis.crypto, 'randomUUID', () => replaced.randomUUID());
}
