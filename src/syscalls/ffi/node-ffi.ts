import { createRequire } from 'node:module';
import { isMainThread } from 'node:worker_threads';
import type { Address, Ffi, Functions, NativeType, Signature, SignatureTable } from './ffi.ts';
import { UvPolls } from './uv-poll.ts';

/** As much as we use of what Node 26 documents; @types/node has no types for it yet. */
interface NodeFfi {
  readonly DynamicLibrary: new (path: string | null) => NodeLibrary;
  getRawPointer(view: ArrayBufferView): bigint;
  toArrayBuffer(address: bigint, byteCount: number, copy: boolean): ArrayBuffer;
  getCurrentEventLoop(): bigint;
}

interface NodeLibrary {
  getFunction(name: string, signature: NodeSignature): (...args: unknown[]) => unknown;
  getSymbol(name: string): bigint;
  registerCallback(signature: NodeSignature, callback: (...args: unknown[]) => unknown): bigint;
  unregisterCallback(address: bigint): void;
}

interface NodeSignature {
  readonly arguments: readonly string[];
  readonly return: string;
}

const typeNames: Readonly<Record<NativeType, string>> = {
  i32: 'int32',
  u32: 'uint32',
  i64: 'int64',
  address: 'uint64',
  memory: 'pointer',
  void: 'void',
};

/** It takes and gives BigInts for 64 bits and is strict about the rest: -0 is no int32. */
const toNative: Readonly<Record<NativeType, (value: unknown) => unknown>> = {
  i32: (value) => (value as number) | 0,
  u32: (value) => (value as number) >>> 0,
  i64: (value) => BigInt(value as number),
  address: (value) => BigInt(value as number),
  memory: (value) => value,
  void: (value) => value,
};

const fromNative: Readonly<Record<NativeType, ((value: unknown) => unknown) | null>> = {
  i32: null,
  u32: null,
  i64: Number,
  address: Number,
  memory: null,
  void: null,
};

const isAppleArm64 = globalThis.process?.platform === 'darwin' && globalThis.process.arch === 'arm64';
/** Of the arguments that a function takes. */
const registers = 8;

/**
 * The foreign-function interface of Node 26 itself: nothing to install, but experimental, and some 2 times the price of
 * koffi for a call.
 *
 * @throws whatever Node says where it has none, or its permission model forbids it
 */
export function nodeFfiBackend(): Ffi {
  const ffi: NodeFfi = createRequire(import.meta.url)('node:ffi');
  const process = new ffi.DynamicLibrary(null);
  // A library that is collected takes its functions along.
  const libraries: NodeLibrary[] = [];

  const addressOfSymbol = (name: string) => {
    try {
      return Number(process.getSymbol(name));
    } catch {
      return null;
    }
  };
  const callback: Ffi['callback'] = (signature, called) => {
    const [result, ...types] = plain(signature);
    const convert = types.map((type) => fromNative[type]);
    const back = result === 'void' ? null : toNative[result];
    const address = process.registerCallback(nodeSignature(plain(signature)), (...args) => {
      const value = called(...args.map((arg, index) => (convert[index]?.(arg) ?? arg) as number));
      return back === null ? undefined : back(value);
    });
    return { address: Number(address), release: () => process.unregisterCallback(address) };
  };
  const currentUvLoop = () => Number(ffi.getCurrentEventLoop());

  const open = <Table extends SignatureTable>(table: Table, library: string | null = null) => {
    // Each table has one of its own, because a library takes no second signature for a function.
    const loaded = new ffi.DynamicLibrary(library);
    libraries.push(loaded);
    const functions: Record<string, unknown> = {};
    for (const [name, signature] of Object.entries(table)) {
      try {
        functions[name] = declare(loaded, name, signature);
      } catch {
        functions[name] = null;
      }
    }
    return functions as Functions<Table>;
  };

  const viewAt = (address: Address, byteCount: number) =>
    ffi.toArrayBuffer(BigInt(address), byteCount, false);
  const polls = isMainThread ? UvPolls.load({ open, addressOfSymbol, viewAt, currentUvLoop }) : null;

  return {
    name: 'node',
    open,
    addressOfSymbol,
    addressOf: (view) => Number(ffi.getRawPointer(view)),
    viewAt,
    callback,
    watch:
      polls === null
        ? null
        : (descriptor, called) => {
            const readable = callback(['void', 'address', 'i32', 'i32'], () => {
              called();
              return undefined;
            });
            // Not from inside it.
            return polls.watch(descriptor, readable.address, () => void setImmediate(readable.release));
          },
    flag: polls === null ? null : (descriptor) => polls.flag(descriptor),
    atThreadEnd: null,
    currentUvLoop,
  };
}

function declare(library: NodeLibrary, name: string, signature: Signature): (...args: unknown[]) => unknown {
  const [result, ...types] = plain(signature);
  const fixed = signature.indexOf('...') - 1;
  // Apple passes variadic arguments on the stack, which is where the others go when the registers are full.
  const padding = isAppleArm64 && fixed >= 0 ? new Array<NativeType>(registers - fixed).fill('i32') : [];
  const padded = fixed < 0 ? types : [...types.slice(0, fixed), ...padding, ...types.slice(fixed)];
  const native = library.getFunction(name, nodeSignature([result, ...padded]));
  const convert = padded.map((type) => toNative[type]);
  const back = fromNative[result];
  const zeros = padding.map(() => 0);
  return (...args) => {
    if (zeros.length > 0) args.splice(fixed, 0, ...zeros);
    for (let index = 0; index < args.length; index++) args[index] = convert[index]?.(args[index]);
    const value = native(...args);
    return back === null ? value : back(value);
  };
}

function plain(signature: Signature): [result: NativeType, ...args: NativeType[]] {
  const [result, ...args] = signature;
  return [result, ...args.filter((type) => type !== '...')];
}

function nodeSignature([result, ...args]: readonly NativeType[]): NodeSignature {
  return { arguments: args.map((type) => typeNames[type]), return: typeNames[result as NativeType] };
}
