import { NodeDriver } from '../drivers/node/index.ts';
import { ReadinessDriver } from '../drivers/readiness/index.ts';
import { World } from '../drivers/simulation/index.ts';
import {
  type Driver,
  type DriverFeature,
  type DriverHost,
  NotSupportedError,
  SystemError,
} from '../interface/index.ts';
import { warn } from '../loop/index.ts';
import { EpollPoller, KqueuePoller, type Poller, PollPoller, SelectPoller } from '../selectors/index.ts';

/** One kind of loop: its driver's name, and whether it works here. */
export interface DriverInfo {
  readonly name: string;
  readonly description: string;
  /** null: it works here; else why not */
  readonly unavailable: string | null;
}

interface Entry extends DriverInfo {
  create(): Driver;
}

const notYet = 'not part of this version';

const known: readonly Entry[] = [
  {
    name: 'node',
    description: "libuv, through Node's public API",
    unavailable: null,
    create: () => new NodeDriver(),
  },
  byReadiness('epoll', 'epoll(7), spoken to directly', () => new EpollPoller()),
  byReadiness('kqueue', 'kqueue(2), spoken to directly; not yet run on a BSD', () => new KqueuePoller()),
  byReadiness('poll', 'poll(2), spoken to directly', () => new PollPoller()),
  byReadiness('select', 'select(2), spoken to directly: descriptors below 1024', () => new SelectPoller()),
  {
    name: 'uring',
    description: 'io_uring(7), spoken to directly',
    unavailable: notYet,
    create: () => refuse('uring', notYet),
  },
  {
    name: 'simulation',
    description: 'virtual time and a network in memory, a world of its own for each loop',
    unavailable: null,
    create: () => new World({ seed: environmentsSeed() }).addMachine('localhost').boot(),
  },
];

/** The best first. kqueue waits for somebody to have run it. */
const preferred = ['epoll'];

/** Where it must work unless something is wrong, which is then said. */
const ownLoopsHere = globalThis.process?.platform === 'linux';

let chosen: string | null = null;

/** The best driver that works here, found once. */
function bestDriver(): string {
  chosen ??= chooseBest();
  return chosen;
}

function chooseBest(): string {
  const reasons: string[] = [];
  for (const name of preferred) {
    const why = known.find((entry) => entry.name === name)?.unavailable ?? null;
    if (why === null) return name;
    reasons.push(`${name}: ${why}`);
  }
  if (ownLoopsHere) {
    warn(
      'SlowLoopWarning',
      `Running on Node's own loop, since no faster one works here (${reasons.join('; ')})`,
    );
  }
  return 'node';
}

function byReadiness(name: string, description: string, makePoller: () => Poller): Entry {
  let asked: { why: string | null } | null = null;
  return {
    name,
    description,
    get unavailable() {
      asked ??= { why: whyNot(makePoller) };
      return asked.why;
    },
    create: () => new ReadinessDriver(name, makePoller),
  };
}

/** Every kind of loop there is, and which of them work here. */
export function listDrivers(): DriverInfo[] {
  return known.map(({ name, description, unavailable }) => ({ name, description, unavailable }));
}

/**
 * Makes a driver.
 *
 * @param name `TULIPA_LOOP`, else the best that works here, unless given
 * @throws {RangeError} there is no such driver
 * @throws {NotSupportedError} it does not work here
 */
export function createDriver(name = environment('TULIPA_LOOP') ?? bestDriver()): Driver {
  const entry = known.find((candidate) => candidate.name === name);
  if (entry === undefined) {
    throw new RangeError(
      `Cannot make a loop: there is no driver '${name}'; there are ${known.map((k) => k.name).join(', ')}`,
    );
  }
  if (entry.unavailable !== null) refuse(name, entry.unavailable);
  return entry.create();
}

/** The drivers that work here and offer `feature`, by name. */
export function driversOffering(feature: DriverFeature | 'blocking'): string[] {
  return known
    .filter(({ unavailable, create }) => unavailable === null && offers(create(), feature))
    .map(({ name }) => name);
}

function offers(driver: Driver, feature: DriverFeature | 'blocking'): boolean {
  driver.attach(nobody);
  try {
    return feature === 'blocking' ? driver.canBlock : driver[feature] !== null;
  } finally {
    driver.close();
  }
}

/** Asks the kernel once: what it answers here and now, and no list of platforms, decides. */
function whyNot(makePoller: () => Poller): string | null {
  try {
    const poller = makePoller();
    try {
      poller.wait(0);
    } finally {
      poller.close();
    }
    return null;
  } catch (error) {
    // Trouble of the moment, as EMFILE is, is for whoever makes a loop to meet.
    return error instanceof SystemError && error.code !== 'ENOSYS' ? null : (error as Error).message;
  }
}

const nobody: DriverHost = {
  dispatch() {},
  inTurn: true,
  enqueue() {},
  callLater: () => ({ cancel() {} }),
  refsChanged() {},
  pollDescriptorChanged() {},
  report() {},
};

function refuse(name: string, why: string): never {
  throw new NotSupportedError('driver', name, `Cannot make a loop with the ${name} driver: ${why}`);
}

/** `TULIPA_SEED`, as far as that is a seed: for simulations of several hosts it can say more. */
function environmentsSeed(): number {
  const seed = environment('TULIPA_SEED') ?? '';
  return /^\d{1,15}$/.test(seed) ? Number(seed) : 0;
}

/** An environment variable; undefined where it is empty or the runtime has none. */
export function environment(name: string): string | undefined {
  return globalThis.process?.env?.[name] || undefined;
}
