/** An address as an error message has it. */
export function describeAddress(address: { path: string } | { host: string; port: number }): string {
  if ('path' in address) return address.path.replace(/^\0/, '@');
  const { host, port } = address;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
