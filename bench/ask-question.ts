// Asks one question, in a process of its own, and sends the answer to whoever has forked it. In one process, what the
// compiler learned from one benchmark would decide about the next.
import type { Answer, Effort } from './answer.ts';
import { QUESTIONS } from './questions.ts';

export interface Request {
  readonly name: string;
  readonly effort: Effort;
}

process.once('message', async ({ name, effort }: Request) => {
  const load = QUESTIONS[name];
  if (load === undefined) throw new RangeError(`Cannot ask ${name}: there is no such benchmark`);
  const { question } = await load();
  const answer: Answer = { name, question: question.question, ...(await question.ask(effort)) };
  process.send?.(answer, () => process.disconnect?.());
});

// Also if whoever has asked is gone.
process.once('disconnect', () => process.exit());
