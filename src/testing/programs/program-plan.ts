import type { LinkOptions } from '../../drivers/simulation/index.ts';
import type { Deviation } from '../deviations.ts';
import type { FaultPlan } from './fault-plan.ts';

/** A host and the program on it. */
export interface HostPlan {
  readonly name: string;
  /** the absolute path of its first module */
  readonly file: string;
  readonly args: readonly string[];
}

/** What is to be simulated: the same for every seed. Survives JSON. */
export interface ProgramPlan {
  readonly hosts: readonly HostPlan[];
  /** the host with whose program the simulation ends; null: it ends when all have ended, or nothing more can happen */
  readonly main: string | null;
  readonly faults: FaultPlan;
  readonly link: LinkOptions;
  /** milliseconds of simulated time after which it ends anyway */
  readonly timeMax: number;
}

/** One course of it, and what is to be told of that. */
export interface CourseOrder {
  readonly plan: ProgramPlan;
  /** as `encodeReplay` has it */
  readonly token: string;
  /** whether what programs print is printed */
  readonly prints: boolean;
  /** to be told with what meaning */
  readonly explains: boolean;
  readonly traceFile: string | null;
  readonly title: string;
}

/** How a course went. */
export interface CourseReport {
  readonly failure: CourseFailure | null;
  /** milliseconds that were simulated */
  readonly time: number;
  /** how each program ended, in this order; those that still ran are left out */
  readonly ends: readonly { readonly host: string; readonly exitCode: number }[];
  readonly deviations: readonly Deviation[];
  /** the last of what happened; '' where it was not to be explained */
  readonly tail: string;
  readonly digest: string;
}

/** An error, as another process knows it. */
export interface CourseFailure {
  readonly name: string;
  readonly code: string | null;
  readonly message: string;
}
