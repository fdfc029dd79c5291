import { NotSupportedError } from '../../interface/index.ts';
import { type Ffi, type Functions, ffi, isDarwin } from '../../syscalls/index.ts';

const table = {
  g_source_new: ['address', 'address', 'u32'],
  g_source_set_priority: ['void', 'address', 'i32'],
  g_source_set_ready_time: ['void', 'address', 'i64'],
  g_source_add_unix_fd: ['address', 'address', 'i32', 'i32'],
  g_source_remove_unix_fd: ['void', 'address', 'address'],
  g_source_attach: ['u32', 'address', 'address'],
  g_source_destroy: ['void', 'address'],
  g_source_unref: ['void', 'address'],
  g_get_monotonic_time: ['i64'],
  g_main_loop_new: ['address', 'address', 'i32'],
  g_main_loop_run: ['void', 'address'],
  g_main_loop_quit: ['void', 'address'],
  g_main_loop_unref: ['void', 'address'],
} as const;

/** GLib, as far as we call it. */
export interface Libglib extends GlibFunctions {
  readonly ffi: Ffi;
}

type GlibFunctions = { readonly [Name in keyof typeof table]: NonNullable<Functions<typeof table>[Name]> };

const library = isDarwin ? 'libglib-2.0.0.dylib' : 'libglib-2.0.so.0';

let opened: Libglib | null = null;

/** @throws {NotSupportedError} it is not there, or too old (2.36 is needed); or there is no foreign-function interface */
export function openLibglib(): Libglib {
  opened ??= open();
  return opened;
}

function open(): Libglib {
  const backend = ffi();
  let functions: Functions<typeof table>;
  try {
    functions = backend.open(table, library);
  } catch (cause) {
    throw unavailable(String((cause as Error)?.message ?? cause), cause);
  }
  const missing = Object.entries(functions).filter(([, value]) => value === null);
  if (missing.length > 0) throw unavailable(`it lacks ${missing.map(([name]) => name).join(', ')}`);
  return { ...(functions as GlibFunctions), ffi: backend };
}

function unavailable(why: string, cause?: unknown): NotSupportedError {
  return new NotSupportedError('glib', library, `Cannot use GLib by ${library}: ${why}`, { cause });
}
