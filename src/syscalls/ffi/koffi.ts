import { createRequire } from 'node:module';
import { isMainThread } from 'node:worker_threads';
import type {
  Address,
  DescriptorWatch,
  Ffi,
  Functions,
  NativeType,
  Signature,
  SignatureTable,
} from './ffi.ts';
import { UvPolls } from './uv-poll.ts';

const typeNames: Readonly<Record<NativeType | '...', string>> = {
  i32: 'int32_t',
  u32: 'uint32_t',
  i64: 'int64_t',
  address: 'uint64_t',
  memory: 'void *',
  void: 'void',
  '...': '...',
};

type Koffi = typeof import('koffi');

function declare(library: ReturnType<Koffi['load']>, name: string, signature: Signature) {
  const [result, ...args] = signature.map((type) => typeNames[type]);
  const fixed = args.indexOf('...');
  if (fixed === -1) return library.func(name, result as string, args);
  // A variadic argument is passed with its type before it.
  const variadic = library.func(name, result as string, args.slice(0, fixed + 1));
  const types = args.slice(fixed + 1);
  return (...values: unknown[]) =>
    variadic(...values.slice(0, fixed), ...types.flatMap((type, index) => [type, values[fixed + index]]));
}

/**
 * koffi: prebuilt for Node on all platforms that we know; no compiler at install, no dependency of its own.
 *
 * @throws whatever Node says of a module that is not there or cannot be loaded
 */
export function koffiBackend(): Ffi {
  const koffi: Koffi = createRequire(import.meta.url)('koffi');
  const process = koffi.load(null);
  // Prototypes are named process-wide, and nothing ever frees one: one for each signature.
  const prototypes = new Map<string, ReturnType<Koffi['proto']>>();

  const prototypeOf = (signature: Signature) => {
    const key = signature.join();
    let prototype = prototypes.get(key);
    if (prototype === undefined) {
      const [result, ...args] = signature.map((type) => typeNames[type]);
      prototype = koffi.proto(result as string, args);
      prototypes.set(key, prototype);
    }
    return prototype;
  };

  const open = <Table extends SignatureTable>(table: Table, library: string | null = null) => {
    const loaded = library === null ? process : koffi.load(library);
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
  const addressOfSymbol = (name: string) => {
    try {
      return Number(process.symbol(name));
    } catch {
      return null;
    }
  };
  const viewAt = (address: Address, byteCount: number) => koffi.view(BigInt(address), byteCount);
  const currentUvLoop = uvLoopGetter(koffi, process);
  const polls =
    isMainThread && currentUvLoop() !== null
      ? UvPolls.load({ open, addressOfSymbol, viewAt, currentUvLoop })
      : null;

  return {
    name: 'koffi',
    open,
    addressOfSymbol,
    addressOf: (view) => Number(koffi.address(view)),
    viewAt,
    callback: (signature, callback) => {
      const pointer = koffi.register(callback, koffi.pointer(prototypeOf(signature)));
      return { address: Number(pointer), release: () => koffi.unregister(pointer) };
    },
    watch: (descriptor, callback) => new Watch(koffi.node.poll(descriptor, () => callback())),
    flag: polls === null ? null : (descriptor) => polls.flag(descriptor),
    atThreadEnd: threadEndHook(koffi, process),
    currentUvLoop,
  };
}

/** koffi's handle crashes the process when it is used after its close. */
class Watch implements DescriptorWatch {
  // Held: koffi watches no longer once its handle is collected.
  #handle: DescriptorWatch | null;

  constructor(handle: DescriptorWatch) {
    this.#handle = handle;
  }

  ref(): void {
    this.#handle?.ref();
  }

  unref(): void {
    this.#handle?.unref();
  }

  close(): void {
    this.#handle?.close();
    this.#handle = null;
  }
}

// What may be called late is declared early: to declare a function in a worker thread that has been told to end, ends the
// process. To call one does not.

function uvLoopGetter(koffi: Koffi, process: ReturnType<Koffi['load']>): Ffi['currentUvLoop'] {
  try {
    const get = process.func('int32_t napi_get_uv_event_loop(void *env, void *loop)');
    return () => {
      const out = new BigUint64Array(1);
      return get(koffi.node.env, out) === 0 ? Number(out[0]) : null;
    };
  } catch {
    return () => null;
  }
}

/** By the hooks that Node has for native modules; null: there are none here. */
function threadEndHook(koffi: Koffi, process: ReturnType<Koffi['load']>): Ffi['atThreadEnd'] {
  try {
    const add = process.func(
      'int32_t napi_add_env_cleanup_hook(void *env, uint64_t callee, uint64_t argument)',
    );
    const remove = process.func(
      'int32_t napi_remove_env_cleanup_hook(void *env, uint64_t callee, uint64_t argument)',
    );
    return (callee, argument) => {
      add(koffi.node.env, callee, argument);
      return () => void remove(koffi.node.env, callee, argument);
    };
  } catch {
    return null;
  }
}
