/** What a selector watches: a descriptor, or whatever has one. It stays its owner's, who closes it. */
export type FileObject = number | HasDescriptor;

export interface HasDescriptor {
  readonly fd: number;
}

/** @throws {TypeError | RangeError} no file object; its descriptor is none: below 0, not whole, closed */
export function descriptorOf(fileobj: FileObject): number {
  const fd = currentDescriptor(fileobj);
  if (fd === null) throw new RangeError(`Cannot use ${describe(fileobj)}: it has no descriptor`);
  return fd;
}

/** null: it has none, or not any more. @throws {TypeError} no file object */
export function currentDescriptor(fileobj: FileObject): number | null {
  const fd: unknown = typeof fileobj === 'object' && fileobj !== null ? fileobj.fd : fileobj;
  if (typeof fd !== 'number') {
    throw new TypeError(`Cannot use ${describe(fileobj)}: it is no descriptor, and has none as its fd`);
  }
  return Number.isInteger(fd) && fd >= 0 && fd < 2 ** 31 ? fd : null;
}

function describe(value: unknown): string {
  if (value === null || typeof value !== 'object')
    return typeof value === 'string' ? `'${value}'` : String(value);
  return `an object of class ${value.constructor?.name ?? 'null'}`;
}
