/** As many bytes as a path of a Unix socket may have. @see unix(7) */
export const pathBytesMax = 107;

/**
 * The socket files of a machine and, beginning with NUL, its abstract names. A file outlives its socket unless somebody
 * removes it; a name does not.
 */
export class UnixNames<Owner extends object> {
  /** null: a file whose socket is closed */
  readonly #owners = new Map<string, Owner | null>();

  /** True if somebody has it who is open, or nobody has and it is the owner's now; a file left behind is replaced. */
  claim(path: string, owner: Owner): boolean {
    if (path.startsWith('\0') && this.#owners.has(path)) return false;
    this.#owners.set(path, owner);
    return true;
  }

  /** 'ENOENT': no such file; 'ECONNREFUSED': its socket is closed, or there is no such abstract name. */
  at(path: string): Owner | 'ENOENT' | 'ECONNREFUSED' {
    const owner = this.#owners.get(path);
    if (owner === undefined) return path.startsWith('\0') ? 'ECONNREFUSED' : 'ENOENT';
    return owner ?? 'ECONNREFUSED';
  }

  /** Its socket is closed. Nothing happens if the name is another's by now. */
  release(path: string, owner: Owner, options: { readonly keepFile: boolean }): void {
    if (this.#owners.get(path) !== owner) return;
    if (options.keepFile && !path.startsWith('\0')) this.#owners.set(path, null);
    else this.#owners.delete(path);
  }
}
