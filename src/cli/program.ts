import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { type Coroutine, InterruptedError } from '../interface/index.ts';
import { listDrivers, run } from '../runtime/index.ts';
import { crawlCommand } from './commands/crawl.ts';
import { demoCommand } from './commands/demo.ts';
import { loopsCommand } from './commands/loops.ts';
import { psCommand } from './commands/ps.ts';
import { pstreeCommand } from './commands/pstree.ts';
import { serveCommand } from './commands/serve.ts';
import { type SimulateFlags, simulateCommand } from './commands/simulate.ts';
import { CommandError, describeFailure } from './failure.ts';
import { exitCodeOf } from './interruption.ts';
import { defaultCrawlOptions } from './web/crawler.ts';

const EXIT_FAILURE = 1;
/** of the command line itself */
const EXIT_USAGE = 2;

/**
 * Runs the command `tulipa`.
 *
 * @param args the words behind its name
 * @returns the exit code; what went wrong has been told on standard error
 */
export async function runProgram(args: readonly string[]): Promise<number> {
  let exitCode = 0;
  const program = createProgram(args, (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
    if (error instanceof InterruptedError) return exitCodeOf('SIGINT');
    process.stderr.write(`tulipa: ${describeFailure(error)}\n`);
    return EXIT_FAILURE;
  }
}

function createProgram(words: readonly string[], setExitCode: (code: number) => void): Command {
  const program = new Command('tulipa')
    .description('Event loops for TypeScript: a crawler, a file server, and a look at the loops')
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      outputError: (text, write) => write(text.replace(/^error: /, 'tulipa: ').replace(/\n(?=\()/, ' ')),
    });

  program
    .command('crawl')
    .description('crawl a site and report what was found')
    .argument('<url>', 'where to begin; only its origin is crawled')
    .addOption(maxTasksOption(defaultCrawlOptions.tasksMax))
    .option('--depth <n>', 'links to follow from the start', wholeNumber(0, 1_000_000))
    .option(
      '--timeout <ms>',
      'milliseconds for a page',
      wholeNumber(1, 86_400_000),
      defaultCrawlOptions.timeout,
    )
    .addOption(loopOption())
    .action(async (url: string, { maxTasks, depth, timeout, loop }: CrawlFlags) => {
      const depthMax = depth ?? defaultCrawlOptions.depthMax;
      setExitCode(await runOn(loop, crawlCommand(url, { tasksMax: maxTasks, depthMax, timeout })));
    });

  program
    .command('serve')
    .description('serve the files of a folder')
    .argument('<folder>', 'hidden files in it are not served')
    .option('--port <n>', 'where to listen; 0: a port that is free', wholeNumber(0, 65_535), 8080)
    .option('--host <name>', 'address to listen on', '127.0.0.1')
    .addOption(loopOption())
    .action(async (folder: string, { port, host, loop }: ServeFlags) => {
      setExitCode(await runOn(loop, serveCommand(folder, { port, host })));
    });

  program
    .command('demo')
    .description('serve a site made from this project, crawl it, and compare')
    .addOption(maxTasksOption(50))
    .addOption(loopOption())
    .action(async ({ maxTasks, loop }: DemoFlags) => {
      setExitCode(await runOn(loop, demoCommand(maxTasks)));
    });

  program
    .command('simulate')
    .description(
      'run programs written for Node on simulated hosts, in virtual time, on a network that a seed decides',
    )
    .argument('[program]', 'the one with which the simulation ends; its host is named after it')
    .argument('[args...]', 'for that program')
    .option(
      '--host <name=program>',
      'one more host, and its program with arguments; may be repeated',
      listed,
      [],
    )
    .option('--seed <seed>', 'what decides, or what was printed behind --seed', '0')
    .option('--seeds <n>', 'try so many seeds, until a program fails', wholeNumber(1, 1_000_000_000))
    .option('--shrink <time>', 'how long to make a course that fails simpler', '15s')
    .option('--faults <plan>', 'as in "crash 0.2/s, until 1min; partition a b at 5s for 2s"', '')
    .option('--link <behaviour>', 'as in "latency 10ms-50ms, loss 0.01, bandwidth 1MB/s"', '')
    .option('--until <time>', 'when to end at the latest, in simulated time', '24h')
    .option('--trace <file>', 'write what happens there: a page (.html), or text (.txt)')
    .passThroughOptions()
    .action(async (file: string | undefined, args: string[], flags: SimulateFlags) => {
      setExitCode(await simulateCommand(file, args, flags, words));
    });

  program.command('loops').description('tell which loops work here').action(loopsCommand);

  program
    .command('ps')
    .description('list the tasks of a running process')
    .argument(
      '<pid>',
      'a process that runs a loop; if need be, it is asked by SIGURG to open a debug socket',
      processId,
    )
    .option('--why', 'tell what keeps the process running instead')
    .addOption(noPlacesOption())
    .addOption(answerTimeoutOption())
    .action(async (pid: number, { why, places, timeout }: LookFlags & { why?: boolean }) => {
      setExitCode(await run(psCommand(pid, { why: why === true, places, timeout })));
    });

  program
    .command('pstree')
    .description('show who waits for whom in a running process')
    .argument('<pid>', 'as for ps', processId)
    .addOption(noPlacesOption())
    .addOption(answerTimeoutOption())
    .action(async (pid: number, flags: LookFlags) => {
      setExitCode(await run(pstreeCommand(pid, flags)));
    });

  return program;
}

interface LookFlags {
  places: boolean;
  timeout: number;
}

interface DemoFlags {
  maxTasks: number;
  loop?: string;
}

interface CrawlFlags extends DemoFlags {
  depth?: number;
  timeout: number;
}

interface ServeFlags {
  port: number;
  host: string;
  loop?: string;
}

function maxTasksOption(fallback: number): Option {
  return new Option('--max-tasks <n>', 'pages fetched at once')
    .argParser(wholeNumber(1, 10_000))
    .default(fallback);
}

/** A number that a process can have; of the others, some mean whole groups of processes. */
const processId = wholeNumber(1, 2 ** 31 - 1);

function noPlacesOption(): Option {
  return new Option('--no-places', 'do not find out where tasks stand, which stops the process for a moment');
}

function answerTimeoutOption(): Option {
  return new Option('--timeout <ms>', 'milliseconds for the answer')
    .argParser(wholeNumber(1, 86_400_000))
    .default(2000);
}

function loopOption(): Option {
  return new Option('--loop <name>', 'loop to run on: see "tulipa loops"').choices(loopNames());
}

function listed(word: string, before: string[]): string[] {
  return [...before, word];
}

function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It is no whole number from ${least} to ${most}.`);
  };
}

/**
 * @param named by the option; without it, the environment decides
 * @throws {CommandError} there is no such loop, or it does not work here
 */
async function runOn(named: string | undefined, main: Coroutine<number>): Promise<number> {
  const name = named ?? (process.env['TULIPA_LOOP'] || undefined);
  // The commands read files and terminals by Node's own loop, which must turn beside ours.
  const runner = 'guest';
  if (name === undefined) return await run(main, { runner });
  const loop = listDrivers().find((candidate) => candidate.name === name);
  if (loop?.unavailable === null) return await run(main, { driver: name, runner });
  main.close();
  throw new CommandError(
    `Cannot run on the loop "${name}": ${loop?.unavailable ?? `there are only ${loopNames().join(', ')}`}`,
  );
}

function loopNames(): string[] {
  return listDrivers().map(({ name }) => name);
}
