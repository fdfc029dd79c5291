import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after } from 'node:test';
import { type DriverName, drivers } from './cell-names.ts';

export interface ServerKind {
  program: string;
  /** in its directory, before it is started */
  prepare?(directory: string, run: (program: string, ...args: string[]) => void): void;
  args(directory: string, port: number): string[];
  /** a free one unless given */
  port?: number | undefined;
  /** the line by which it says that it listens */
  ready: RegExp;
  /** who runs it where we are root, for those who refuse to be; root unless given */
  user?: string;
  /** ends it; 'SIGTERM' unless given */
  signal?: NodeJS.Signals;
}

export interface RealServer {
  host: string;
  port: number;
  /** by which it is reached, too, if it is told to */
  directory: string;
  stop(): Promise<void>;
  /** as it was, at the same port */
  start(): Promise<void>;
}

/** Who is told how to end the server, and calls that at the end. */
export type AtEnd = (end: () => Promise<void>) => void;

/** Somebody starts within this many milliseconds, or not at all. */
const startWithin = 30_000;

/**
 * Starts a server in a directory of its own, at a free port of this machine; it is ended with the tests.
 *
 * @param atEnd where there are no tests that end
 * @returns null: there is no such program here; on a machine of CI that is an error
 */
export async function realServer(kind: ServerKind, atEnd: AtEnd = after): Promise<RealServer | null> {
  const program = whereIs(kind.program);
  if (program === null) {
    if (process.env['CI'] !== undefined) throw new Error(`Cannot start ${kind.program}: it is not installed`);
    return null;
  }
  const directory = mkdtempSync(path.join(tmpdir(), 'tulipa-'));
  const owner = process.getuid?.() === 0 && kind.user !== undefined ? idsOf(kind.user) : null;
  chmodSync(directory, 0o755);
  if (owner !== null) chownSync(directory, owner.uid, owner.gid);
  kind.prepare?.(directory, (name, ...args) => {
    execFileSync(whereIs(name) ?? name, args, {
      ...owner,
      cwd: directory,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  });
  const port = kind.port ?? (await freePort());
  let child: ChildProcess | null = null;
  const start = async () => {
    child = spawn(program, kind.args(directory, port), {
      ...owner,
      cwd: directory,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    await saysSo(child, kind);
  };
  const stop = async () => {
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill(kind.signal ?? 'SIGTERM');
    await gone;
  };
  const abandon = () => void child?.kill('SIGKILL');
  process.once('exit', abandon);
  atEnd(async () => {
    await stop();
    process.off('exit', abandon);
    rmSync(directory, { recursive: true, force: true });
  });
  await start();
  return { host: '127.0.0.1', port, directory, start, stop };
}

/** The cells of a row that cannot be: without the server none, with it the simulation. */
export function withoutServer(server: RealServer | null, name: string): Partial<Record<DriverName, string>> {
  const reason = `${name} is not installed here`;
  if (server === null) return Object.fromEntries(drivers.map((driver) => [driver, reason]));
  return { simulation: `${name} is a program of its own, which no simulated network reaches` };
}

function whereIs(program: string): string | null {
  const directories = [
    ...(process.env['PATH'] ?? '').split(path.delimiter),
    '/usr/sbin',
    ...postgresVersions().map((version) => path.join(postgresFolder, version, 'bin')),
  ];
  return (
    directories.map((directory) => path.join(directory, program)).find((file) => existsSync(file)) ?? null
  );
}

const postgresFolder = '/usr/lib/postgresql';

function postgresVersions(): string[] {
  return existsSync(postgresFolder) ? readdirSync(postgresFolder) : [];
}

function idsOf(user: string): { uid: number; gid: number } {
  const id = (option: string) => Number(execFileSync('id', [option, user], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function saysSo(child: ChildProcess, { program, ready }: ServerKind): Promise<void> {
  return new Promise((resolve, reject) => {
    const said: string[] = [];
    const fail = (how: string) => {
      clearTimeout(timer);
      reject(new Error(`Cannot start ${program}: ${how}\n${said.join('\n')}`));
    };
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      fail('it does not listen in time');
    }, startWithin);
    child.once('error', (error) => fail(error.message));
    child.once('exit', (code, signal) => fail(`it ended with ${signal ?? code}`));
    for (const stream of [child.stdout, child.stderr]) {
      if (stream === null) continue;
      // To the end, or it would wait for somebody to read.
      createInterface(stream).on('line', (line) => {
        said.push(line);
        if (said.length > 50) said.shift();
        if (!ready.test(line)) return;
        clearTimeout(timer);
        resolve();
      });
    }
  });
}
