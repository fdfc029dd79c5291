import {
  type EventLoop,
  listDrivers,
  newEventLoop,
  type RunnerKind,
  type RunnerOptions,
} from '../../src/runtime/index.ts';
import { type Outside, realOutside } from './outside.ts';
import { makeSimulatedLoop, simulatedOutside } from './simulated-outside.ts';

/** A loop that the contract holds for: a driver, and who turns it. */
export interface LoopKind {
  readonly driver: string;
  readonly runner: RunnerKind;
  /** for `run` */
  readonly options: RunnerOptions;
  /** It owns its thread: of the host's loop nothing happens while it runs. */
  readonly blocks: boolean;
  /** Its time and its network are its own, and nobody else's. */
  readonly simulated: boolean;
  readonly outside: Outside;
  /** A loop of the kind, for who runs it by himself. */
  makeLoop(options?: { debug?: boolean }): EventLoop;
  toString(): string;
}

/** Why a test of being a guest is none for a loop that blocks. */
export const hostStandsStill = 'it is about the host’s own loop, which stands still under this one';

/** Why a test of the real world is none for a loop that has one of its own. */
export const notOfThisWorld = 'it is about what simulated machines do not have';

function kind(driver: string, runner: RunnerKind): LoopKind {
  const blocks = runner === 'blocking';
  return {
    driver,
    runner,
    options: { driver, runner },
    blocks,
    simulated: false,
    outside: realOutside,
    makeLoop: (options) => newEventLoop({ driver, ...options }),
    toString: () => (blocks ? `blocking ${driver}` : driver),
  };
}

const node = kind('node', 'guest');
const epoll = kind('epoll', 'guest');
const blockingEpoll = kind('epoll', 'blocking');
const simulation: LoopKind = {
  driver: 'simulation',
  runner: 'blocking',
  options: { loopFactory: () => makeSimulatedLoop() },
  blocks: true,
  simulated: true,
  outside: simulatedOutside,
  makeLoop: makeSimulatedLoop,
  toString: () => 'simulation',
};
/**
 * The same, with Node's loop turned by `run` too: Node 26 alone can. Loops that are run by hand do without, as tests are in
 * the middle of a turn of Node's.
 */
const turningEpoll: LoopKind = {
  ...blockingEpoll,
  options: { ...blockingEpoll.options, turnsHost: true },
  toString: () => 'turning epoll',
};
/** The same driver as epoll's but for the poller, which has a contract of its own. */
const sameAsEpoll = ['poll', 'select'].flatMap((driver) => [kind(driver, 'guest'), kind(driver, 'blocking')]);

const canTurnNode = process.platform === 'linux' && Number.parseInt(process.versions.node, 10) >= 26;
const every: readonly LoopKind[] = [
  ...[node, epoll, blockingEpoll, simulation, ...sameAsEpoll],
  ...(canTurnNode ? [turningEpoll] : []),
];

/** What TULIPA_TEST_KINDS says: `all`, or names separated by commas; else those that differ by more than the poller. */
function wantedKinds(): readonly LoopKind[] {
  const names = process.env['TULIPA_TEST_KINDS'] ?? '';
  if (names === '') return [node, epoll, blockingEpoll, simulation];
  if (names === 'all') return every;
  return names.split(',').map((name) => {
    const found = every.find((one) => String(one) === name.trim());
    if (found === undefined)
      throw new RangeError(`Cannot test '${name}': there are ${every.join(', ')}, and all`);
    return found;
  });
}

const unavailable = new Map(listDrivers().map(({ name, unavailable }) => [name, unavailable]));

/** All kinds that are wanted and work here. One that does not is said loudly; CI has no excuse. */
export const loopKinds: readonly LoopKind[] = wantedKinds().filter((one) => {
  const why = unavailable.get(one.driver);
  if (why == null) return true;
  const skipped = `The contract suite skips the ${one} loop: ${why}`;
  if (process.env['CI'] !== undefined) throw new Error(skipped);
  console.error(skipped);
  return false;
});

/** Those that speak to this machine's kernel: for tests of what is there and in no simulation. */
export const realKinds: readonly LoopKind[] = loopKinds.filter(({ simulated }) => !simulated);
