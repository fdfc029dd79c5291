// Question: what does a request to a node:http server cost on our loop, through StreamSocket, beside Node's own sockets?

import type { Question } from './answer.ts';
import { measureHttp } from './http/measure-http.ts';
import { programFile } from './program.ts';

export const question: Question = {
  question: 'What does a request to a node:http server cost through StreamSocket?',
  async ask(effort) {
    const answer = await measureHttp(effort, programFile('http/server'), conditions());
    return { ...answer, notes: [] };
  },
};

/** How this process finds the library: unbuilt, or built. */
function conditions(): string[] {
  return process.execArgv.filter((argument) => argument.startsWith('--conditions'));
}
