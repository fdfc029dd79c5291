import { existsSync, statSync } from 'node:fs';
import { basename, extname, resolve } from 'node:path';
import { formatDuration } from '../../testing/event-text.ts';
import { ExplorationError } from '../../testing/exploration-error.ts';
import { explorePrograms } from '../../testing/programs/explore-programs.ts';
import { parseDuration, parseFaults, parseLink } from '../../testing/programs/fault-plan.ts';
import type { HostPlan, ProgramPlan } from '../../testing/programs/program-plan.ts';
import { runCourse } from '../../testing/programs/run-course.ts';
import { scriptCommand } from '../../testing/replay.ts';
import { decodeReplay } from '../../testing/replay-token.ts';
import { CommandError } from '../failure.ts';

export interface SimulateFlags {
  /** a seed, or what was printed for one */
  seed: string;
  seeds?: number;
  shrink: string;
  host: string[];
  faults: string;
  link: string;
  until: string;
  trace?: string;
}

const exitFailure = 1;
/** The name of the host that stands for nobody. */
const reserved = 'test';

/**
 * `tulipa simulate program.js`: programs written for Node, on simulated hosts in virtual time.
 *
 * @param program the one with which the simulation ends; undefined: there are only `--host`s
 * @param words the command line behind `tulipa`, to be printed with another seed
 * @returns the exit code: 1 if a program did not end well
 * @throws {CommandError} the command line makes no sense
 */
export async function simulateCommand(
  program: string | undefined,
  args: readonly string[],
  flags: SimulateFlags,
  words: readonly string[],
): Promise<number> {
  const plan = readPlan(program, args, flags);
  const { seed, seeds, trace } = flags;
  const replay = reading(() => decodeReplay(seed));
  const shrinkTimeMax = reading(() => parseDuration(flags.shrink));
  if (trace !== undefined && !['.html', '.htm', '.txt'].includes(extname(trace).toLowerCase()))
    throw new CommandError(`Cannot write the trace to ${trace}: the name ends neither in .html nor in .txt`);
  const traceFile = trace === undefined ? null : resolve(trace);
  const title = `${plan.hosts.map(({ name }) => name).join(', ')}, seed ${replay.seed}`;
  const command = (token: string) => scriptCommand('tulipa', withSeed(words, token));
  if (seeds !== undefined) {
    if (replay.prescriptions !== null)
      throw new CommandError('Cannot explore: --seed is one course, and not a seed to begin with');
    const from = { from: replay.seed, count: seeds };
    return await explore(plan, { seeds: from, shrinkTimeMax, traceFile, title, command });
  }
  const { failure, time, ends } = await runCourse({
    plan,
    token: seed,
    prints: true,
    explains: false,
    traceFile,
    title,
  });
  const ended = ends.map(({ host, exitCode }) => `${host} ended with exit code ${exitCode}`);
  const summary = [`${formatDuration(time)} simulated with seed ${replay.seed}`, ...ended].join('; ');
  process.stderr.write(`tulipa: ${summary}\n`);
  if (failure === null) return 0;
  process.stderr.write(`tulipa: ${failure.message}\nAgain: ${command(seed)}\n`);
  return exitFailure;
}

async function explore(
  plan: ProgramPlan,
  exploration: Parameters<typeof explorePrograms>[1],
): Promise<number> {
  try {
    const { runs, virtualTime, wallTime } = await explorePrograms(plan, exploration);
    process.stderr.write(
      `tulipa: ${runs} seeds, and none fails: ${formatDuration(virtualTime)} simulated in ${formatDuration(Math.round(wallTime))}\n`,
    );
    return 0;
  } catch (error) {
    if (!(error instanceof ExplorationError)) throw error;
    process.stderr.write(`tulipa: ${error.message}\n`);
    return exitFailure;
  }
}

function readPlan(program: string | undefined, args: readonly string[], flags: SimulateFlags): ProgramPlan {
  const hosts = flags.host.map(readHost);
  let main: string | null = null;
  if (program !== undefined) {
    main =
      basename(program, extname(program))
        .replace(/[^a-zA-Z0-9-]+/g, '-')
        .replace(/^-+|-+$/g, '') || 'main';
    hosts.push({ name: main, file: fileOf(program), args });
  }
  if (hosts.length === 0) throw new CommandError('Cannot simulate: no program was given');
  for (const { name } of hosts) {
    if (!/^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/i.test(name) || /^[\d.]+$/.test(name) || name === reserved)
      throw new CommandError(
        `Cannot simulate: a host cannot be named '${name}'; --host name=program names it`,
      );
    if (hosts.filter((other) => other.name === name).length > 1)
      throw new CommandError(`Cannot simulate: there are two hosts named '${name}'`);
  }
  return reading(() => {
    const faults = parseFaults(flags.faults);
    const { hosts: hit = [] } = faults.rates ?? {};
    const named = [
      ...faults.planned.flatMap(({ host, other }) => [host, other ?? host]),
      ...(hit as string[]),
    ];
    const unknown = named.find((name) => !hosts.some((host) => host.name === name));
    if (unknown !== undefined) throw new RangeError(`Cannot plan faults: there is no host '${unknown}'`);
    return { hosts, main, faults, link: parseLink(flags.link), timeMax: parseDuration(flags.until) };
  });
}

/** `name=program.js args…` */
function readHost(text: string): HostPlan {
  const [, name = '', command = ''] = /^([^=\s]+)=(.+)$/s.exec(text) ?? [];
  const [file = '', ...args] = command.trim().split(/\s+/);
  if (file === '') throw new CommandError(`Cannot simulate '${text}': it is not of the form name=program`);
  return { name, file: fileOf(file), args };
}

function fileOf(program: string): string {
  const file = resolve(program);
  if (!existsSync(file) || !statSync(file).isFile())
    throw new CommandError(`Cannot simulate ${program}: there is no such file`);
  return file;
}

/** What was mistyped is no defect. */
function reading<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new CommandError((error as Error).message, { cause: error });
  }
}

/** The same command with this seed alone. */
function withSeed([name = 'simulate', ...rest]: readonly string[], token: string): string[] {
  const words: string[] = [name, '--seed', token];
  let options = true;
  for (let i = 0; i < rest.length; i++) {
    const word = rest[i] as string;
    if (options && /^--seeds?$/.test(word)) {
      i++;
      continue;
    }
    if (options && /^--seeds?=/.test(word)) continue;
    words.push(word);
    if (!options) continue;
    // The value of an option is a word of its own; behind the program all is the program's.
    if (!word.startsWith('--')) options = false;
    else if (!word.includes('=') && i + 1 < rest.length) words.push(rest[++i] as string);
  }
  return words;
}
