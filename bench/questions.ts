import type { Question } from './answer.ts';

/** All benchmarks, by the name that asks for them. */
export const QUESTIONS: Readonly<Record<string, () => Promise<{ question: Question }>>> = {
  echo: () => import('./echo.ts'),
  connections: () => import('./connections.ts'),
  idle: () => import('./idle.ts'),
  lateness: () => import('./lateness.ts'),
  'turned-host': () => import('./turned-host.ts'),
  switch: () => import('./switch.ts'),
  deep: () => import('./deep.ts'),
  spawn: () => import('./spawn.ts'),
  gather: () => import('./gather.ts'),
  cancel: () => import('./cancel.ts'),
  timers: () => import('./timers.ts'),
  'call-soon': () => import('./call-soon.ts'),
  'stream-socket': () => import('./stream-socket.ts'),
  'debug-overhead': () => import('./debug-overhead.ts'),
  peers: () => import('./peers.ts'),
  simulation: () => import('./simulation.ts'),
};
