/** What happens in a simulation, told to whoever wants to see it. */
export interface TraceSink {
  note(event: TraceEvent): void;
}

/**
 * 'sent', 'arrived', 'lost': a message on its way. 'host': it starts, stops, crashes. 'fault': something is made to go
 * wrong, or put right. 'task': a task begins, goes on, ends. 'said': by the program.
 */
export type TraceKind = 'sent' | 'arrived' | 'lost' | 'host' | 'fault' | 'task' | 'said';

/** A task's, of which the last three are the end; a host's; a link's. */
export type TraceState = TaskState | 'up' | 'paused' | 'down' | 'ended' | 'cut' | 'whole';

export type TaskState = 'created' | 'running' | 'waiting' | 'done' | 'cancelled' | 'failed';

export interface TraceEvent {
  /** milliseconds since the simulation began */
  readonly time: number;
  /** where it happens; null: in no host */
  readonly host: string | null;
  readonly kind: TraceKind;
  /** for a person, in one line */
  readonly text: string;
  /** of a message: its number, by which its sending and its end are known to be the same one's, and the other host */
  readonly message?: number;
  readonly peer?: string;
  /** of a task: its number on its host, from 1 on, and its name */
  readonly task?: number;
  readonly name?: string;
  /** of a task, a host, or the link from `host` to `peer` (without `peer`: of all its links, both ways): what it is now */
  readonly state?: TraceState;
}
