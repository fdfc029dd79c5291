import { isMainThread, threadId } from 'node:worker_threads';
import { allTasks, currentTask, observeCoroutines, type Task } from '../coroutines/index.ts';
import { type EventLoop as EventLoopInterface, NotSupportedError } from '../interface/index.ts';
import {
  getRunningLoop,
  type LoopObserver,
  type LoopTimerHandle,
  observeLoop,
  type StopObserving,
} from '../loop/index.ts';
import { EventLoop } from '../runtime/index.ts';
import { describeAwaited } from './describe-awaited.ts';
import { atLoopEnd } from './loop-end.ts';
import { describeStep, protocolMethodName, type RunnableInfo } from './runnable-name.ts';
import { taskId } from './task-id.ts';
import { coroutineName } from './task-insight.ts';
import { describeResource } from './unclosed.ts';

/** Events kept, unless told otherwise: some 200 MB. */
const eventsMaxDefault = 1_000_000;

const noTimers: ReadonlyMap<unknown, LoopTimerHandle> = new Map();

/** @see "Trace Event Format", of Chrome's tracing and of Perfetto */
export interface TraceEvent {
  readonly name: string;
  readonly cat?: string;
  /** X: from `ts` for `dur`; b and e: begin and end on the track of `id`; i: a moment; M: about the process */
  readonly ph: 'X' | 'b' | 'e' | 'i' | 'M';
  /** microseconds since the trace began */
  readonly ts: number;
  readonly dur?: number;
  readonly pid: number;
  readonly tid: number;
  readonly id?: string;
  readonly s?: 't';
  readonly args?: Readonly<Record<string, unknown>>;
}

/** What a trace file holds; `JSON.stringify` makes one that chrome://tracing and ui.perfetto.dev read. */
export interface TraceFile {
  readonly traceEvents: readonly TraceEvent[];
  readonly displayTimeUnit: 'ms';
  readonly otherData: Readonly<Record<string, string | number>>;
}

export interface TraceOptions {
  /** events kept, later ones are only counted; 1 000 000 unless given */
  eventsMax?: number | undefined;
}

/**
 * Records what a loop runs, until `stop` or the loop is closed: every callback, timer, I/O and step of a task with its duration, and each task
 * as a track of its own, with what it waits for. What the host runs besides, and the microtasks of `async` functions
 * that await something of the host's, are not seen.
 *
 * @throws {StateError} no loop was given and none runs; the loop is closed
 * @throws {NotSupportedError} a foreign loop, which shows nobody what it runs
 */
export function startTrace(loop: EventLoopInterface = getRunningLoop(), options: TraceOptions = {}): Trace {
  if (!(loop instanceof EventLoop)) {
    throw new NotSupportedError(
      'startTrace',
      loop.constructor.name,
      'Cannot trace the loop: it is a foreign one, which shows nobody what it runs',
    );
  }
  return new Trace(loop, options.eventsMax ?? eventsMaxDefault);
}

interface Step {
  info: RunnableInfo;
  readonly began: number;
  readonly turn: number;
}

/** Made by `startTrace`. */
export class Trace implements Partial<LoopObserver> {
  readonly #loop: EventLoop;
  readonly #eventsMax: number;
  readonly #began: number;
  readonly #pid = process.pid;
  readonly #tid = isMainThread ? process.pid : threadId;
  readonly #events: TraceEvent[] = [];
  #dropped = 0;
  #step: Step | null = null;
  readonly #tasks = new Set<Task<unknown>>();
  /** what the open slice of a waiting task is called */
  readonly #waits = new Map<Task<unknown>, string>();
  readonly #stops: StopObserving[];
  #file: TraceFile | null = null;

  constructor(loop: EventLoop, eventsMax: number) {
    this.#loop = loop;
    this.#eventsMax = eventsMax;
    this.#began = loop.time();
    for (const task of allTasks(loop)) {
      this.#taskBegins(task);
      if (task.awaiting().of.length > 0) this.#waitBegins(task, task.awaiting().of);
    }
    this.#stops = [
      atLoopEnd(loop, 'trace the loop', () => void this.stop()),
      observeLoop(loop, this),
      observeCoroutines({
        taskCreated: (task) => {
          if (task.getLoop() === loop) this.#taskBegins(task);
        },
        taskEnded: (task) => this.#taskEnds(task),
        waitBegins: (future) => {
          const task = currentTask();
          if (task?.getLoop() === loop) this.#waitBegins(task, [future]);
        },
      }),
    ];
  }

  /** Ends the recording. Later calls give the same file. */
  stop(): TraceFile {
    if (this.#file !== null) return this.#file;
    for (const stop of this.#stops) stop();
    for (const task of [...this.#tasks]) this.#taskEnds(task);
    const about = (name: string, value: string): TraceEvent => ({
      name,
      ph: 'M',
      ts: 0,
      pid: this.#pid,
      tid: this.#tid,
      args: { name: value },
    });
    this.#file = {
      traceEvents: [
        about('process_name', `${process.title} ${this.#pid}`),
        about('thread_name', `loop ${this.#loop.driverName}`),
        ...this.#events,
      ],
      displayTimeUnit: 'ms',
      otherData: { node: process.version, loop: this.#loop.driverName, eventsDropped: this.#dropped },
    };
    return this.#file;
  }

  [Symbol.dispose](): void {
    this.stop();
  }

  callbackBegins(runnable: Parameters<LoopObserver['callbackBegins']>[0], now: number): void {
    const info = describeStep(runnable);
    this.#step = { info, began: now, turn: this.#loop.turns };
    if (info.task !== null) this.#waitEnds(info.task, now);
  }

  callbackEnds(_runnable: unknown, now: number): void {
    const step = this.#step;
    if (step === null) return;
    this.#step = null;
    const { kind, name, task } = step.info;
    this.#add({
      name,
      cat: kind,
      ph: 'X',
      ts: this.#microseconds(step.began),
      dur: Math.round((now - step.began) * 1000),
      args: { turn: step.turn, ...(task === null ? {} : { task: taskId(task) }) },
    });
  }

  protocolCalled(_transport: object, protocol: object, method: string): void {
    const step = this.#step;
    if (step === null || step.info.task !== null) return;
    step.info = { ...step.info, name: protocolMethodName(protocol, method) };
  }

  opened(resource: object): void {
    this.#moment(`opened ${describeResource(resource)}`);
  }

  closed(resource: object): void {
    this.#moment(`closed ${describeResource(resource)}`);
  }

  #moment(name: string): void {
    this.#add({ name, cat: 'io', ph: 'i', s: 't', ts: this.#microseconds(this.#loop.time()) });
  }

  #taskBegins(task: Task<unknown>): void {
    this.#tasks.add(task);
    const coroutine = coroutineName(task);
    this.#addToTask(task, 'b', task.getName(), this.#loop.time(), coroutine === '' ? {} : { coroutine });
  }

  #taskEnds(task: Task<unknown>): void {
    if (!this.#tasks.delete(task)) return;
    const now = this.#loop.time();
    this.#waitEnds(task, now);
    this.#addToTask(task, 'e', task.getName(), now, {});
  }

  #waitBegins(task: Task<unknown>, awaited: readonly unknown[]): void {
    if (!this.#tasks.has(task)) return;
    const now = this.#loop.time();
    // Several waits at once, as by `Promise.all`, are told as the last one that has begun.
    this.#waitEnds(task, now);
    const name = awaited.map((each) => describeAwaited(each, noTimers, now)).join(', ');
    this.#waits.set(task, name);
    this.#addToTask(task, 'b', name, now, {});
  }

  #waitEnds(task: Task<unknown>, now: number): void {
    const name = this.#waits.get(task);
    if (name === undefined) return;
    this.#waits.delete(task);
    this.#addToTask(task, 'e', name, now, {});
  }

  #addToTask(
    task: Task<unknown>,
    ph: 'b' | 'e',
    name: string,
    now: number,
    args: Readonly<Record<string, unknown>>,
  ): void {
    const ts = this.#microseconds(now);
    this.#add({ name, cat: 'task', ph, ts, id: `${this.#tid}.${taskId(task)}`, args });
  }

  #add(event: Omit<TraceEvent, 'pid' | 'tid'>): void {
    // What has begun is ended in any case: a viewer would draw it to the end of time.
    if (this.#events.length >= this.#eventsMax && event.ph !== 'e') this.#dropped++;
    else this.#events.push({ ...event, pid: this.#pid, tid: this.#tid });
  }

  #microseconds(time: number): number {
    return Math.round((time - this.#began) * 1000);
  }
}
