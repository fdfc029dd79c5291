const origin: unique symbol = Symbol.for('tulipa.moduleOrigin');

/** Where a function can be found in another thread. */
export interface ModuleOrigin {
  /** absolute URL, or the name of a module of the runtime: 'node:zlib' */
  readonly module: string;
  /** under which the module exports the function */
  readonly name: string;
}

type AnyFunction = (...args: never[]) => unknown;

/**
 * A function that knows where it comes from, so that it can be run in another thread: functions do not cross threads,
 * but every thread can import a module.
 *
 *     const thumbnail = moduleFunction<typeof import('./images.ts').thumbnail>(
 *       new URL('./images.ts', import.meta.url), 'thumbnail');
 *     const small = await toThread(thumbnail, picture);
 *
 * With `body`, the module's own function is at hand, and is what a direct call runs:
 *
 *     export const thumbnail = moduleFunction(import.meta.url, 'thumbnail', (picture: Uint8Array) => …);
 *
 * @param module absolute: a `URL`, or the text of one
 * @param name of the export
 * @throws {TypeError} the module is not named by an absolute URL
 */
export function moduleFunction<F extends AnyFunction>(module: URL | string, name: string, body: F): F;
export function moduleFunction<F extends AnyFunction>(
  module: URL | string,
  name: string,
): (...args: Parameters<F>) => Promise<Awaited<ReturnType<F>>>;
export function moduleFunction(module: URL | string, name: string, body?: AnyFunction): AnyFunction {
  if (typeof name !== 'string')
    throw new TypeError('Cannot name the function: the export’s name is not a string');
  const from: ModuleOrigin = { module: absolute(module), name };
  const callee = (...args: never[]) => (body === undefined ? callImported(from, args) : body(...args));
  Object.defineProperty(callee, 'name', { value: name, configurable: true });
  return Object.defineProperty(callee, origin, { value: from });
}

/** Where the function can be found; null: nobody has said. */
export function originOf(callback: unknown): ModuleOrigin | null {
  return (callback as { [origin]?: ModuleOrigin } | null)?.[origin] ?? null;
}

/** Imports the module and calls the function. @throws {TypeError} there is none of that name */
export async function callImported({ module, name }: ModuleOrigin, args: unknown[]): Promise<unknown> {
  const exported: unknown = ((await import(module)) as Record<string, unknown>)[name];
  if (typeof exported !== 'function')
    throw new TypeError(`Cannot call ${name}: ${module} exports no function of that name`);
  return await (exported as (...args: unknown[]) => unknown)(...args);
}

function absolute(module: URL | string): string {
  try {
    return new URL(module).href;
  } catch (cause) {
    throw new TypeError(
      `Cannot name the function: ${String(module)} is no absolute URL; say new URL('./file.js', import.meta.url)`,
      { cause },
    );
  }
}
