import type { TestContext } from 'node:test';

/** What the process is warned of until the end of the test, which then nobody else hears: `Name: message`. */
export function collectWarnings(test: TestContext): string[] {
  const warnings: string[] = [];
  test.mock.method(process, 'emitWarning', (message: string, name: string) => {
    warnings.push(`${name}: ${message}`);
  });
  return warnings;
}
