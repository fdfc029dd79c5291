/**
 * What a backend, one file beside this one for each foreign-function interface, must offer. The rules of memory that all
 * code above it keeps: docs/decisions/0030-ffi.md.
 */
export interface Ffi {
  readonly name: string;
  /** The functions of `table`; null for those that the library lacks. `library` null: what the process has loaded. */
  open<Table extends SignatureTable>(table: Table, library?: string | null): Functions<Table>;
  /** Where a function or variable of what the process has loaded lies, to be handed to C; null if there is none. */
  addressOfSymbol(name: string): Address | null;
  /** Where the view's memory begins. It says nothing of how long: whoever passes it on keeps the view. */
  addressOf(view: ArrayBufferView): Address;
  /** Native memory as a buffer, not copied. It must outlive the buffer's last use. */
  viewAt(address: Address, byteCount: number): ArrayBuffer;
  /** A C function pointer that calls back in this thread, from inside a call of ours. It must not throw. */
  callback(signature: Signature, callback: (...args: number[]) => number | undefined): NativeCallback;
  /** Has the host's loop watch a descriptor; null where the backend cannot, safely. What is called must not throw. */
  readonly watch: ((descriptor: number, callback: () => void) => DescriptorWatch) | null;
  /** Has the host's loop watch a descriptor, and call nothing; null where the backend cannot, safely. */
  readonly flag: ((descriptor: number) => DescriptorFlag) | null;
  /**
   * Has the host call a C function, which takes one integer, when this thread ends, however it does; what is returned
   * takes that back. null where the backend has no access to it.
   */
  readonly atThreadEnd: ((callee: Address, argument: number) => () => void) | null;
  /** The libuv loop of this thread; null where there is none, or no access to it. */
  currentUvLoop(): Address | null;
}

/** User-space addresses are below 2^53 on every platform we know, so that a number holds one. */
export type Address = number;

/**
 * How a value crosses: `memory` is a view, kept alive and in place during the call only; `address` is passed on as it is.
 * Sizes and byte counts are `u32` and `i32`: no call of ours moves two gigabytes.
 */
export type NativeType = 'i32' | 'u32' | 'i64' | 'address' | 'memory' | 'void';

/**
 * The result first, then the arguments. Those behind `'...'` are variadic, which some platforms pass in another place
 * (Apple's arm64).
 */
export type Signature = readonly [result: NativeType, ...args: (NativeType | '...')[]];

export type SignatureTable = Readonly<Record<string, Signature>>;

type Value<Type extends NativeType> = Type extends 'void'
  ? undefined
  : Type extends 'memory'
    ? ArrayBufferView | null
    : number;

type Arguments<Types extends readonly unknown[]> = Types extends readonly [infer Type, ...infer Rest]
  ? [...(Type extends NativeType ? [Value<Type>] : []), ...Arguments<Rest>]
  : [];

export type NativeFunction<S extends Signature> = S extends readonly [
  infer Result extends NativeType,
  ...infer Args,
]
  ? (...args: Arguments<Args>) => Value<Result>
  : never;

export type Functions<Table extends SignatureTable> = {
  readonly [Name in keyof Table]: NativeFunction<Table[Name]> | null;
};

export interface NativeCallback {
  readonly address: Address;
  /** It must not be called any more. */
  release(): void;
}

/**
 * While it exists, the callback is called when the descriptor is readable, in turns of the host's. Whoever asked keeps it:
 * collected, it watches no longer. Closed, nothing that is done to it has an effect.
 */
export interface DescriptorWatch {
  ref(): void;
  unref(): void;
  close(): void;
}

/** While it exists, it is set when the host's loop looks at its I/O and the descriptor is readable. */
export interface DescriptorFlag extends DescriptorWatch {
  /** Whether it is set; then it is no more. */
  take(): boolean;
}
