import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { listDrivers } from 'tulipa';
import type { Effort } from '../answer.ts';
import { installPeers } from '../peers/install.ts';
import { programFile } from '../program.ts';
import type { ServerCommand } from './server-process.ts';
import type { Workshop } from './workshop.ts';

/** A server that may take part. */
interface Candidate {
  readonly name: string;
  /** It has to start: if not, that is an error and no reason to go on without it. */
  readonly isOurs: boolean;
  /** Also in a quick run, which takes one of each kind of ours, and no more peers than a C compiler makes. */
  readonly isQuick: boolean;
  /** What starts it. @throws why there is none */
  prepare(workshop: Workshop, effort: Effort): ServerCommand | Promise<ServerCommand>;
}

export interface ChosenServers {
  readonly commands: readonly ServerCommand[];
  readonly isOurs: (name: string) => boolean;
  /** Who is missing, and why. */
  readonly notes: readonly string[];
}

/** Of ours, in a quick run: one of each kind. */
const quickNames = ['node:net', 'blocking, protocol', 'guest, generator'];

/** What all others are compared with. */
const baseline = inNode('node:net', '--style', 'node-net');

const candidates: readonly Candidate[] = [
  baseline,
  {
    name: 'C, epoll',
    isOurs: false,
    isQuick: true,
    prepare: async (workshop) => ({
      name: 'C, epoll',
      command: await workshop.compileC(sourceOf('epoll.c')),
      args: [],
    }),
  },
  ...(['blocking', 'guest'] as const).flatMap((runner) =>
    (
      [
        ['protocol', 'protocol'],
        ['buffered', 'buffered'],
        ['generator', 'coroutine'],
        ['async function', 'streams'],
      ] as const
    ).map(([what, style]) =>
      inNode(`${runner}, ${what}`, '--driver', 'epoll', '--runner', runner, '--style', style),
    ),
  ),
  inNode('node driver, protocol', '--driver', 'node', '--style', 'protocol'),
  inNode('node driver, generator', '--driver', 'node', '--style', 'coroutine'),
  inPython('asyncio'),
  inPython('uvloop'),
  {
    name: 'Go',
    isOurs: false,
    isQuick: false,
    prepare: async (workshop) => ({
      name: 'Go',
      command: await workshop.compileGo(sourceOf('goroutines.go')),
      args: [],
      environment: { GOMAXPROCS: '1' },
    }),
  },
  fromNpm('Bun', '@oven/bun-linux-x64/bin/bun', ['run', sourceOf('bun.js')]),
  fromNpm('Deno', '@deno/linux-x64-glibc/deno', ['run', '--quiet', '--allow-net', sourceOf('deno.js')]),
];

/**
 * The servers that were asked for with `--servers`, a list of parts of names, and that can be had; always the baseline.
 *
 * @throws {RangeError} no server has such a name
 */
export async function chooseServers(workshop: Workshop, effort: Effort): Promise<ChosenServers> {
  const commands: ServerCommand[] = [];
  const notes: string[] = [];
  for (const { name, prepare } of chooseCandidates(effort)) {
    try {
      commands.push(await prepare(workshop, effort));
    } catch (error) {
      notes.push(describeMissing(name, (error as Error).message));
    }
  }
  return { commands, isOurs: (name) => candidates.some((one) => one.name === name && one.isOurs), notes };
}

/** @param why its last line, or the first that names an error, is told */
export function describeMissing(name: string, why: string): string {
  const lines = why.trim().split('\n');
  return `Skipped: ${name} (${lines.find((line) => /^\w*Error\b/.test(line)) ?? lines.at(-1)})`;
}

function chooseCandidates({ quick, settings }: Effort): readonly Candidate[] {
  const asked = settings['servers'];
  if (asked === undefined) return candidates.filter(({ isQuick }) => isQuick || !quick);
  const parts = asked.split(',').map((part) => part.trim().toLowerCase());
  const chosen = new Set([baseline]);
  for (const part of parts) {
    const found = candidates.filter(({ name }) => name.toLowerCase().replaceAll(',', '').includes(part));
    if (found.length === 0) {
      const names = candidates.map(({ name }) => name.replaceAll(',', '')).join(', ');
      throw new RangeError(`Cannot measure ${part}: the servers are ${names}`);
    }
    for (const one of found) chosen.add(one);
  }
  return candidates.filter((one) => chosen.has(one));
}

/** Ours, and Node's. */
function inNode(name: string, ...args: string[]): Candidate {
  return {
    name,
    isOurs: true,
    isQuick: quickNames.includes(name),
    prepare() {
      const driver = listDrivers().find((one) => one.name === args[args.indexOf('--driver') + 1]);
      if (driver !== undefined && driver.unavailable !== null) throw new Error(driver.unavailable);
      const execArgs = process.execArgv.filter((argument) => argument !== '--expose-gc');
      return {
        name,
        command: process.execPath,
        args: [...execArgs, programFile('echo-server'), '--until-stdin-ends', ...args],
      };
    },
  };
}

function inPython(loop: 'asyncio' | 'uvloop'): Candidate {
  return {
    name: loop,
    isOurs: false,
    isQuick: false,
    prepare: (_, { settings }) => ({
      name: loop,
      command: settings['python'] ?? 'python3',
      args: [sourceOf('python.py'), loop],
    }),
  };
}

function fromNpm(name: string, program: string, args: readonly string[]): Candidate {
  return {
    name,
    isOurs: false,
    isQuick: false,
    prepare() {
      const folder = fileURLToPath(new URL('./npm', import.meta.url));
      const whyNot = installPeers(folder);
      if (whyNot !== null) throw new Error(whyNot);
      const command = join(folder, 'node_modules', program);
      if (!existsSync(command)) throw new Error('not installed: it is for Linux on x64 with glibc');
      return { name, command, args };
    },
  };
}

function sourceOf(file: string): string {
  return fileURLToPath(new URL(`./servers/${file}`, import.meta.url));
}
