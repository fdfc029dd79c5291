import { NotSupportedError } from '../../interface/index.ts';

/**
 * Node before 22.12 takes no notice of the option, and connections would all go to one process.
 *
 * @throws {NotSupportedError} this is such a Node
 */
export function refuseReusePort(version: string = process.versions.node): void {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12)) return;
  throw new NotSupportedError(
    'reusePort',
    'node',
    `Cannot share the port: Node ${version} has no reusePort; 22.12 and 23.1 have`,
  );
}
