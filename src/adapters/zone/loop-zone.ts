import { AsyncResource } from 'node:async_hooks';
import type { EventLoop, Handle } from '../../interface/index.ts';
import { getRunningLoop } from '../../loop/index.ts';

/** What zone.js passes around. Its types are global ones, which only those have who use it. */
// biome-ignore lint/suspicious/noExplicitAny: above
type OfZone = any;

interface Delegate {
  scheduleTask(zone: OfZone, task: OfZone): OfZone;
  cancelTask(zone: OfZone, task: OfZone): OfZone;
}

/** What `Zone.current.fork` takes. */
export interface TimerZoneSpec {
  name: string;
  onScheduleTask(delegate: Delegate, current: OfZone, target: OfZone, task: OfZone): OfZone;
  onCancelTask(delegate: Delegate, current: OfZone, target: OfZone, task: OfZone): OfZone;
}

/** A task of zone.js, as far as it matters here. */
interface ZoneTask {
  readonly source: string;
  invoke(...args: unknown[]): unknown;
  readonly data?:
    | { delay?: number; isPeriodic?: boolean; args?: ArrayLike<unknown>; handle?: unknown }
    | undefined;
}

const timers: ReadonlySet<string> = new Set(['setTimeout', 'setInterval', 'setImmediate']);

/**
 * The making of a zone in which `setTimeout`, `setInterval` and `setImmediate` are the loop's:
 * `Zone.current.fork(loopZone()).run(main)`. What is called back is in the zone, and in the async context, in which the timer
 * was set.
 *
 * zone.js replaces promises and timers of the whole process; it is to be loaded after this library, which keeps the real ones.
 *
 * @param loop the running one unless given
 * @throws {StateError} none runs
 */
export function loopZone(loop: EventLoop = getRunningLoop()): TimerZoneSpec {
  const handles = new WeakMap<object, Handle>();
  return {
    name: 'tulipa',
    onScheduleTask(delegate, _current, target, task: ZoneTask) {
      const { source, data } = task;
      if (data === undefined || !timers.has(source)) return delegate.scheduleTask(target, task);
      const [, , ...args] = Array.from(data.args ?? []);
      const call = AsyncResource.bind(() => void task.invoke(...(source === 'setImmediate' ? [] : args)));
      const delay = Number(data.delay ?? 0) || 0;
      const handle =
        source === 'setImmediate'
          ? loop.callSoon(call)
          : data.isPeriodic === true
            ? loop.callRepeatedly(Math.max(delay, 1), call)
            : loop.callLater(delay, call);
      handles.set(task, handle);
      // This is what the caller gets, and gives to clearTimeout.
      data.handle = handle;
      return task;
    },
    onCancelTask(delegate, _current, target, task: ZoneTask) {
      const handle = handles.get(task);
      if (handle === undefined) return delegate.cancelTask(target, task);
      handle.cancel();
      return undefined;
    },
  };
}
