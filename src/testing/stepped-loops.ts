import { TimerHeap } from '../collections/index.ts';
import type { Choices, Machine, World } from '../drivers/simulation/index.ts';
import type { EventLoop } from '../runtime/index.ts';

/** A loop that has its turns from {@link SteppedLoops}. */
export class SteppedLoop {
  readonly loop: EventLoop;
  readonly machine: Machine;
  readonly #all: SteppedLoops;
  /** how many have stopped it, each for reasons of his own */
  #holds = 0;
  /** @internal It waits for its turn. */
  queued = false;
  /** @internal by its own clock; Infinity: it is not to be woken */
  alarm = Infinity;
  /** @internal under which the alarm is kept; -1: there is none */
  alarmId = -1;
  /** @internal */
  ended = false;

  /** @internal */
  constructor(loop: EventLoop, machine: Machine, all: SteppedLoops) {
    this.loop = loop;
    this.machine = machine;
    this.#all = all;
  }

  get held(): boolean {
    return this.#holds > 0;
  }

  /** It is turned no more until `release` was called as often. */
  hold(): void {
    this.#holds++;
    this.#all.leave(this);
  }

  release(): void {
    this.#holds--;
    this.clockChanged();
  }

  /** What is due by its clock may be due at another time than was thought. */
  clockChanged(): void {
    this.#all.disarm(this);
    this.wanted();
  }

  wanted(): void {
    this.#all.wanted(this);
  }

  /** It is turned no more. */
  end(): void {
    this.ended = true;
    this.#all.leave(this);
  }
}

/**
 * The loops of a simulation, of which one is turned at a time. Time moves on when none has anything to do.
 *
 * A loop that something is queued on waits in `#ready`; one that is to be woken by its clock has an alarm, which may be too
 * early (to take it back would cost more than to look again) and never is too late.
 */
export class SteppedLoops {
  readonly #world: World;
  readonly #choices: Choices;
  readonly #ready: SteppedLoop[] = [];
  readonly #alarms = new TimerHeap<SteppedLoop>();
  readonly #turnsMax: number;
  /** of all of them, since the beginning */
  turns = 0;
  #turnsNow = 0;

  /** @param turnsMax at one instant */
  constructor(world: World, turnsMax: number) {
    this.#world = world;
    this.#turnsMax = turnsMax;
    this.#choices = world.oracle.choices('order of hosts', 'order');
    this.#choices.describeBy((outcome) => this.#ready[outcome]?.machine.name ?? '');
  }

  /** Begins to turn it. */
  add(loop: EventLoop, machine: Machine, onStop: () => void): SteppedLoop {
    const stepped = new SteppedLoop(loop, machine, this);
    loop.attachStepped(stepped, onStop);
    stepped.wanted();
    return stepped;
  }

  /** Some loop has something to do before time moves on. */
  get anyReady(): boolean {
    return this.#ready.length > 0;
  }

  /** The loop whose turn is next; null: time must move on first. */
  next(): SteppedLoop | null {
    const ready = this.#ready;
    if (ready.length === 0) return null;
    const place = ready.length === 1 ? 0 : this.#choices.pick(ready.length);
    const chosen = ready[place] as SteppedLoop;
    if (place === 0) ready.shift();
    else ready.splice(place, 1);
    chosen.queued = false;
    return chosen;
  }

  /** One turn of it. False: too many were made without time moving on. */
  turn(stepped: SteppedLoop): boolean {
    stepped.loop.step();
    if (!stepped.ended) stepped.wanted();
    this.turns++;
    return ++this.#turnsNow <= this.#turnsMax;
  }

  /** Moves time on to the next thing that happens, if that is not after `timeMax`. */
  advance(timeMax: number): 'moved' | 'never' | 'late' {
    const world = this.#world;
    const alarms = this.#alarms;
    for (;;) {
      const { nextEvent } = world;
      const { earliest } = alarms;
      const time = Math.min(nextEvent, earliest);
      if (time === Infinity) return 'never';
      let stepped: SteppedLoop | null = null;
      if (earliest <= nextEvent) {
        // Time must not move on for a timer that was cancelled meanwhile.
        stepped = this.#shift();
        if (stepped === null) continue;
      }
      if (time > timeMax) return 'late';
      this.#moveTo(time);
      if (stepped === null) return 'moved';
      this.#enter(stepped);
      while (alarms.earliest <= time) {
        const other = this.#shift();
        if (other !== null) this.#enter(other);
      }
      return 'moved';
    }
  }

  /** @internal */
  wanted(stepped: SteppedLoop): void {
    if (stepped.held || stepped.ended) return;
    const { loop } = stepped;
    if (loop.queued > 0) this.#enter(stepped);
    if (loop.earliestTimer < stepped.alarm) this.#arm(stepped);
  }

  /** @internal */
  leave(stepped: SteppedLoop): void {
    this.disarm(stepped);
    if (!stepped.queued) return;
    stepped.queued = false;
    this.#ready.splice(this.#ready.indexOf(stepped), 1);
  }

  /** @internal */
  disarm(stepped: SteppedLoop): void {
    if (stepped.alarmId !== -1) this.#alarms.remove(stepped.alarmId);
    stepped.alarmId = -1;
    stepped.alarm = Infinity;
  }

  /** The loop of the earliest alarm; null: it was too early, and is set again. */
  #shift(): SteppedLoop | null {
    const stepped = this.#alarms.shift();
    const { alarm } = stepped;
    stepped.alarmId = -1;
    stepped.alarm = Infinity;
    if (stepped.loop.earliestTimer <= alarm) return stepped;
    this.wanted(stepped);
    return null;
  }

  #arm(stepped: SteppedLoop): void {
    const { earliestTimer } = stepped.loop;
    const time = stepped.machine.clock.worldTimeOf(earliestTimer);
    if (time <= this.#world.now) {
      this.#enter(stepped);
      return;
    }
    this.disarm(stepped);
    stepped.alarm = earliestTimer;
    stepped.alarmId = this.#alarms.insert(time, stepped);
  }

  #enter(stepped: SteppedLoop): void {
    if (stepped.queued) return;
    stepped.queued = true;
    this.#ready.push(stepped);
  }

  #moveTo(time: number): void {
    if (time > this.#world.now) this.#turnsNow = 0;
    this.#world.advanceTo(time);
  }
}
