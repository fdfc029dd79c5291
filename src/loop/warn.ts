/**
 * Tells the user of something that is wrong and goes on: as a warning of the process where there is one, so that
 * `--trace-warnings`, `--no-warnings` and `process.on('warning')` apply.
 *
 * @param name e.g. 'SlowCallbackWarning'
 */
export function warn(name: string, message: string): void {
  if (typeof globalThis.process?.emitWarning === 'function') globalThis.process.emitWarning(message, name);
  // biome-ignore lint/suspicious/noConsole: where a runtime has no warnings
  else console.warn(`${name}: ${message}`);
}
