import { type LoopSnapshot, TaskTree, takeSnapshot } from '../debug/index.ts';
import type { EventLoop } from '../runtime/index.ts';

/** The tasks of a loop and what each waits for; the same text in every run of the same seed. */
export function describeTasks(loop: EventLoop): string {
  const snapshot = numbered(takeSnapshot(loop));
  if (snapshot.tasks.length === 0) return 'no tasks';
  let text: string;
  try {
    text = new TaskTree(snapshot).toString();
  } catch (error) {
    // They wait in a circle: the error says which do.
    text = `${error}\n${snapshot.tasks.map(({ id, name }) => `${id} ${name}`).join('\n')}`;
  }
  const elsewhere = snapshot.tasks.filter(
    ({ state, awaits }) => state === 'foreign' || awaits.some((awaited) => awaited.startsWith('a foreign ')),
  );
  if (elsewhere.length === 0) return text;
  const names = elsewhere.map(({ id, name }) => `${id} ${name}`).join(', ');
  const wait = elsewhere.length === 1 ? 'waits for a promise' : 'wait for promises';
  return `${text}\n${names} ${wait} that no host of the simulation settles: perhaps something real, which never comes`;
}

/** Debugging numbers tasks through all runs of the process: here from 1 on. */
function numbered(snapshot: LoopSnapshot): LoopSnapshot {
  const numbers = new Map(snapshot.tasks.map(({ id }, index) => [id, index + 1]));
  const numberOf = (id: number) => numbers.get(id) ?? 0;
  const tasks = snapshot.tasks.map((task) => ({
    ...task,
    id: numberOf(task.id),
    awaits: task.awaits.map((awaited) =>
      awaited.replace(/\btask (\d+) /, (_, id) => `task ${numberOf(Number(id))} `),
    ),
    awaitedBy: task.awaitedBy.map((link) => ({ ...link, id: numberOf(link.id) })),
  }));
  return { ...snapshot, tasks };
}

/** Lines set in by two blanks. */
export function indented(text: string): string {
  return text.replace(/^/gm, '  ');
}
