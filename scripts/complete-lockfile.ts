/**
 * Completes `package-lock.json` after `npm install`: `npm run complete-lockfile`.
 *
 * Tools with native parts name one optional package for each platform. Where a registry mirror lacks some of them,
 * npm 11 leaves them out of the lock file without a word, and then `npm ci` refuses that very file ("Missing:
 * … from lock file", npm/cli#9846). The versions are no secret, since the tools pin them exactly, so the entries
 * can be written down. They have no checksum: npm takes that from the registry on the one platform that needs it.
 */
import { readFileSync, writeFileSync } from 'node:fs';

interface LockedPackage {
  version?: string;
  cpu?: string[];
  dev?: boolean;
  libc?: string[];
  optional?: boolean;
  os?: string[];
  optionalDependencies?: Record<string, string>;
}

const OPERATING_SYSTEMS = 'aix android darwin freebsd linux netbsd openbsd openharmony sunos win32'.split(
  ' ',
);
const PROCESSORS = 'arm arm64 ia32 loong64 mips64el ppc64 riscv64 s390x x64'.split(' ');

const file = new URL('../package-lock.json', import.meta.url);
const lock: { packages: Record<string, LockedPackage> } = JSON.parse(readFileSync(file, 'utf8'));

const added: string[] = [];
for (const [owner, { optionalDependencies = {}, dev = false }] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(optionalDependencies)) {
    // Nested copies count too: npm puts a second version below its owner.
    const places = [`${owner}/node_modules/${name}`, `node_modules/${name}`];
    if (owner === '' || places.some((place) => place in lock.packages)) continue;
    const platform = platformOf(name);
    if (platform === undefined || !/^\d+\.\d+\.\d+$/.test(version)) {
      throw new Error(
        `Cannot complete package-lock.json: ${name}@${version} names no platform or exact version`,
      );
    }
    lock.packages[`node_modules/${name}`] = {
      version,
      cpu: [platform.cpu],
      ...(dev ? { dev } : {}),
      ...(platform.libc === undefined ? {} : { libc: [platform.libc] }),
      optional: true,
      os: [platform.os],
    };
    added.push(name);
  }
}

const sorted = Object.entries(lock.packages).sort(([a], [b]) => a.localeCompare(b, 'en'));
writeFileSync(file, `${JSON.stringify({ ...lock, packages: Object.fromEntries(sorted) }, null, 2)}\n`);
process.stdout.write(`package-lock.json: ${added.length} platform packages added\n`);

/** Platform packages are named after it: `@oxc-parser/binding-linux-arm64-musl`. */
function platformOf(name: string): { os: string; cpu: string; libc?: string } | undefined {
  const words = name.split(/[-/]/);
  const os = words.find((word) => OPERATING_SYSTEMS.includes(word));
  const cpu = words.find((word) => PROCESSORS.includes(word));
  if (os === undefined || cpu === undefined) return undefined;
  if (words.some((word) => word.startsWith('musl'))) return { os, cpu, libc: 'musl' };
  if (words.some((word) => word.startsWith('gnu'))) return { os, cpu, libc: 'glibc' };
  return { os, cpu };
}
