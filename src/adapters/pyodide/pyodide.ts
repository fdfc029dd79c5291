/** An object of Python's that JavaScript holds, until it destroys it. */
export interface PyProxy {
  destroy(): void;
}

/** A function of Python's. */
export interface PyCallable extends PyProxy {
  (...args: unknown[]): unknown;
}

/** What is used of what `loadPyodide` gives. */
export interface Pyodide {
  readonly FS: {
    mkdirTree(path: string): void;
    writeFile(path: string, text: string): void;
  };
  readonly globals: PyProxy;
  // biome-ignore lint/suspicious/noExplicitAny: whatever Python's last line is
  runPython(code: string): any;
  // biome-ignore lint/suspicious/noExplicitAny: a module of Python's
  pyimport(name: string): any;
}
