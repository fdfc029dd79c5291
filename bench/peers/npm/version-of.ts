import { readFileSync } from 'node:fs';

/** Name and version of a package that is installed here. */
export function versionOf(name: string): string {
  const manifest = readFileSync(new URL(`./node_modules/${name}/package.json`, import.meta.url), 'utf8');
  const { version } = JSON.parse(manifest) as { version: string };
  return `${name} ${version}`;
}
