import { performance } from 'node:perf_hooks';
import process from 'node:process';
import { globalsClock } from './globals-clock.ts';
import type { Replacements } from './replacements.ts';

const RealDate = Date;
const realNow = Date.now;
const realTimeOrigin = performance.timeOrigin;
const realPerformanceNow = performance.now;
const realHrtime = process.hrtime;
const realUptime = process.uptime;
const nanosecondsPerMillisecond = 1_000_000;

function now(): number {
  const clock = globalsClock();
  return clock === null ? Reflect.apply(realNow, RealDate, []) : Math.floor(clock.now());
}

/**
 * The real one in everything but what it takes for now. Dates are the real ones', so that they are instances of both; one
 * that was made before, too.
 */
const SimulatedDate = new Proxy(Date, {
  apply: () => new RealDate(now()).toString(),
  construct: (target, args, newTarget) =>
    Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget) as Date,
});

function performanceNow(): number {
  return globalsClock()?.monotonic() ?? Reflect.apply(realPerformanceNow, performance, []);
}

function timeOrigin(): number {
  const clock = globalsClock();
  return clock === null ? realTimeOrigin : clock.now() - clock.monotonic();
}

function nanoseconds(): bigint {
  const monotonic = globalsClock()?.monotonic();
  if (monotonic === undefined) return realHrtime.bigint();
  const whole = Math.floor(monotonic);
  const rest = Math.floor((monotonic - whole) * nanosecondsPerMillisecond);
  return BigInt(whole) * BigInt(nanosecondsPerMillisecond) + BigInt(rest);
}

/** In seconds and nanoseconds; since `before` if that is given. */
function hrtime(before?: [seconds: number, nanoseconds: number]): [number, number] {
  if (globalsClock() === null || (before !== undefined && !Array.isArray(before))) return realHrtime(before);
  const second = 1_000_000_000n;
  let time = nanoseconds();
  if (before !== undefined) time -= BigInt(before[0]) * second + BigInt(before[1]);
  return [Number(time / second), Number(time % second)];
}
hrtime.bigint = nanoseconds;

function uptime(): number {
  const monotonic = globalsClock()?.monotonic();
  return monotonic === undefined ? realUptime() : monotonic / 1000;
}

export function replaceTime(replacements: Replacements): void {
  replacements.replace(globalThis, 'Date', SimulatedDate);
  // On the real one too, for who took it before.
  replacements.replace(Date, 'now', now);
  replacements.replace(RealDate.prototype, 'constructor', SimulatedDate);
  replacements.replace(performance, 'now', performanceNow);
  replacements.replaceGetter(performance, 'timeOrigin', timeOrigin);
  replacements.replace(process, 'hrtime', hrtime);
  replacements.replace(process, 'uptime', uptime);
  replaceTemporal(replacements);
  replaceFormats(replacements);
}

interface Instant {
  toZonedDateTimeISO(zone: string): ZonedDateTime;
}

interface ZonedDateTime {
  toPlainDate(): unknown;
  toPlainTime(): unknown;
  toPlainDateTime(): unknown;
}

/** What of Temporal, which Node 26 has and TypeScript does not know yet, has to do with now. */
interface TemporalNow {
  Now: { timeZoneId(): string };
  Instant: { fromEpochNanoseconds(nanoseconds: bigint): Instant };
}

function replaceTemporal(replacements: Replacements): void {
  const temporal = (globalThis as { Temporal?: TemporalNow }).Temporal;
  if (temporal === undefined) return;
  const { Now, Instant } = temporal;
  const replaceNow = (name: string, value: (zone?: string) => unknown) => {
    const original = Reflect.get(Now, name) as (zone?: string) => unknown;
    replacements.replace(Now, name, (zone?: string) =>
      globalsClock() === null ? original(zone) : value(zone),
    );
  };
  const instant = () => {
    const milliseconds = globalsClock()?.now() ?? realNow();
    const whole = Math.floor(milliseconds);
    const rest = Math.floor((milliseconds - whole) * nanosecondsPerMillisecond);
    return Instant.fromEpochNanoseconds(BigInt(whole) * BigInt(nanosecondsPerMillisecond) + BigInt(rest));
  };
  const zoned = (zone = Now.timeZoneId()) => instant().toZonedDateTimeISO(zone);
  replaceNow('instant', instant);
  replaceNow('zonedDateTimeISO', zoned);
  replaceNow('plainDateISO', (zone) => zoned(zone).toPlainDate());
  replaceNow('plainTimeISO', (zone) => zoned(zone).toPlainTime());
  replaceNow('plainDateTimeISO', (zone) => zoned(zone).toPlainDateTime());
}

/** Formats take the present where they are given no date. */
function replaceFormats(replacements: Replacements): void {
  const { prototype } = Intl.DateTimeFormat;
  const { formatToParts } = prototype;
  const getFormat = Object.getOwnPropertyDescriptor(prototype, 'format')?.get;
  if (getFormat === undefined) return;
  const bound = new WeakMap<object, (date?: Date | number) => string>();
  replacements.replaceGetter(prototype, 'format', function format(this: Intl.DateTimeFormat) {
    const original = Reflect.apply(getFormat, this, []) as (date?: Date | number) => string;
    let replaced = bound.get(this);
    if (replaced === undefined) {
      replaced = (date) => original(date === undefined ? now() : date);
      bound.set(this, replaced);
    }
    return replaced;
  });
  replacements.replace(
    prototype,
    'formatToParts',
    function (this: Intl.DateTimeFormat, date?: Date | number) {
      return Reflect.apply(formatToParts, this, [date === undefined ? now() : date]);
    },
  );
}
