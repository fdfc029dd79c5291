import type { LinkOptions } from '../../drivers/simulation/index.ts';
import { checkFaults, type FaultOptions } from '../nemesis.ts';
import type { Simulation } from '../simulation.ts';

/** One fault that is to happen at a time, in milliseconds. */
export interface PlannedFault {
  readonly what: string;
  readonly host: string;
  /** of a partition: the other side */
  readonly other: string | null;
  readonly at: number;
  /** how long it lasts; null: it is not put right */
  readonly duration: number | null;
  /** of a skew: by how much */
  readonly amount: number;
}

export interface FaultPlan {
  /** how often faults happen by chance; null: never */
  readonly rates: FaultOptions | null;
  readonly planned: readonly PlannedFault[];
}

/** What a person wrote cannot be read as what it should be. */
export class PlanError extends RangeError {
  override readonly name = 'PlanError';
}

const rateNames = ['crash', 'restart', 'pause', 'partition', 'isolate', 'skew'] as const;
const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, min: 60_000, h: 3_600_000 };

const duration = String.raw`[\d.]+(?:ms|s|min|h)`;
const rateForm = new RegExp(
  String.raw`^(${rateNames.join('|')}) ([\d.]+)/(s|min|h)(?: (?:for|by) (${duration})(?:-(${duration}))?)?$`,
);
const plannedForm = new RegExp(
  String.raw`^(crash|kill|restart|pause|isolate|partition|skew|SIG[A-Z0-9]+) (\S+)(?: (?!at |by )(\S+))?(?: by (-?${duration}))? at (${duration})(?: for (${duration}))?$`,
);
const spanForm = new RegExp(`^(from|until) (${duration})$`);
const hostsForm = /^on (\S+(?: \S+)*)$/;

/**
 * Reads a plan of faults, of parts between commas:
 *
 * - `crash 0.2/s`, `partition 6/min for 1s-5s`: by chance, so often; for so long, or a skew `by` so much
 * - `crash server at 5s for 2s`, `partition a b at 1s for 10s`, `skew a by -1h at 5s`, `SIGTERM server at 1min`: once
 * - `from 5s`, `until 1min`, `on server db`: when those by chance begin, and to which hosts they happen
 *
 * @throws {PlanError} it cannot be read
 */
export function parseFaults(text: string): FaultPlan {
  const rates: Record<string, unknown> = {};
  const planned: PlannedFault[] = [];
  for (const part of partsOf(text)) {
    const rate = rateForm.exec(part);
    const once = plannedForm.exec(part);
    const span = spanForm.exec(part);
    const hosts = hostsForm.exec(part);
    if (rate !== null) {
      const [, name, count, unit, min, max] = rate as unknown as string[];
      const perSecond = (Number(count) * 1000) / (units[unit as string] as number);
      rates[name as string] =
        min === undefined
          ? perSecond
          : { rate: perSecond, min: parseDuration(min), max: parseDuration(max ?? min) };
    } else if (once !== null) {
      planned.push(plannedOf(once, part));
    } else if (span !== null) {
      rates[span[1] as string] = parseDuration(span[2] as string);
    } else if (hosts !== null) {
      rates['hosts'] = (hosts[1] as string).split(' ');
    } else {
      throw new PlanError(
        `Cannot plan faults: '${part}' is none; 'crash 0.2/s' and 'crash server at 5s for 2s' are`,
      );
    }
  }
  const some = rateNames.some((name) => name in rates);
  if (some) checkFaults(rates);
  return { rates: some ? rates : null, planned };
}

function plannedOf(match: RegExpExecArray, part: string): PlannedFault {
  const [, what, host, other, amount, at, lasting] = match as unknown as (string | undefined)[];
  if ((what === 'partition') !== (other !== undefined))
    throw new PlanError(
      `Cannot plan faults: '${part}' must name ${what === 'partition' ? 'two hosts' : 'one host'}`,
    );
  if ((what === 'skew') !== (amount !== undefined))
    throw new PlanError(`Cannot plan faults: in '${part}', only a skew is by an amount, and each is`);
  return {
    what: what as string,
    host: host as string,
    other: other ?? null,
    at: parseDuration(at as string),
    duration: lasting === undefined ? null : parseDuration(lasting),
    amount:
      amount === undefined
        ? 0
        : amount.startsWith('-')
          ? -parseDuration(amount.slice(1))
          : parseDuration(amount),
  };
}

/** Milliseconds. @throws {PlanError} it is none */
export function parseDuration(text: string): number {
  const [, digits, unit] = /^(\d+(?:\.\d+)?)(ms|s|min|h)$/.exec(text) ?? [];
  if (digits === undefined)
    throw new PlanError(`Cannot read '${text}': it is no time, such as 5s, 100ms or 2min`);
  return Number(digits) * (units[unit as string] as number);
}

const sizes: Readonly<Record<string, number>> = { B: 1, kB: 1_000, MB: 1_000_000, GB: 1_000_000_000 };

/**
 * Reads how links behave: `latency 10ms-50ms, loss 0.01, bandwidth 1MB/s, duplication 0.1, reordering 0.1`.
 *
 * @throws {PlanError} it cannot be read
 */
export function parseLink(text: string): LinkOptions {
  const options: Record<string, unknown> = {};
  for (const part of partsOf(text)) {
    const [, name = '', value = ''] = /^(\w+) (\S+)$/.exec(part) ?? [];
    if (name === 'latency') {
      const [min, max] = value.split('-').map(parseDuration);
      options[name] = max === undefined ? min : { min, max };
    } else if (name === 'bandwidth') {
      const [, digits, unit] = /^([\d.]+)(B|kB|MB|GB)\/s$/.exec(value) ?? [];
      if (digits === undefined) throw new PlanError(`Cannot read '${part}': a bandwidth is such as 1MB/s`);
      options[name] = Number(digits) * (sizes[unit as string] as number);
    } else if (['loss', 'duplication', 'reordering'].includes(name) && /^[\d.]+$/.test(value)) {
      options[name] = Number(value);
    } else {
      throw new PlanError(
        `Cannot read '${part}': of a link there are latency, bandwidth, loss, duplication and reordering`,
      );
    }
  }
  return options;
}

function partsOf(text: string): string[] {
  return text
    .split(/[,;]/)
    .map((part) => part.trim().replace(/\s+/g, ' '))
    .filter((part) => part !== '');
}

/** Has planned faults happen when it is time. @throws {RangeError} they name a host that there is not */
export function startPlanned(sim: Simulation, planned: readonly PlannedFault[]): void {
  for (const fault of planned) {
    for (const name of [fault.host, fault.other])
      if (name !== null && sim.hosts.get(name) === undefined)
        throw new PlanError(`Cannot plan faults: there is no host '${name}'`);
    sim.at(fault.at, () => happen(sim, fault));
  }
}

function happen(sim: Simulation, { what, host: name, other, duration: lasting, amount }: PlannedFault): void {
  const host = sim.hosts.get(name);
  if (host === undefined) return;
  const { network } = sim;
  const later = (callback: () => void) => {
    if (lasting !== null) sim.at(sim.time + lasting, callback);
  };
  const start = () => {
    if (host.state !== 'running' && host.state !== 'paused') host.start();
  };
  const runs = host.state === 'running' || host.state === 'paused';
  sim.noteFault(
    `${what} ${name}${other === null ? '' : ` ↔ ${other}`}${runs ? '' : ', where no program runs'}`,
  );
  if (what === 'partition') {
    network.partition(host, other as string);
    later(() => network.heal(host, other as string));
  } else if (what === 'isolate') {
    network.isolate(host);
    later(() => network.heal(host));
  } else if (what === 'skew') {
    host.clock.skew = amount;
    later(() => {
      host.clock.skew = 0;
    });
  } else if (runs) {
    if (what === 'crash') host.crash();
    else if (what === 'kill' || what === 'restart') host.kill();
    else if (what === 'pause') host.pause();
    else host.signal(what as never);
    if (what === 'restart') start();
    else if (what === 'pause') later(() => host.resume());
    else if (what === 'crash' || what === 'kill') later(start);
  }
}
