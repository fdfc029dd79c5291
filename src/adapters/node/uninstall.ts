/** Removes what was installed. May be called more than once; `using` calls it at the end of a block. */
export interface Uninstall extends Disposable {
  (): void;
}

export function uninstallBy(undo: () => void): Uninstall {
  let installed = true;
  const uninstall = () => {
    if (!installed) return;
    installed = false;
    undo();
  };
  return Object.assign(uninstall, { [Symbol.dispose]: uninstall });
}
