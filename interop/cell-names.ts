/** The columns of the matrix. */
export const drivers = ['node', 'epoll', 'simulation'] as const;

export type DriverName = (typeof drivers)[number];

/** How the reporter knows a cell of the matrix. */
const separator = ' on ';

export function cellName(framework: string, driver: DriverName): string {
  return `${framework}${separator}${driver}`;
}

/** The framework and the driver; null: the suite is no cell. */
export function cellOf(suite: string): { framework: string; driver: DriverName } | null {
  const at = suite.lastIndexOf(separator);
  const driver = drivers.find((name) => name === suite.slice(at + separator.length));
  return at === -1 || driver === undefined ? null : { framework: suite.slice(0, at), driver };
}
