/**
 * Runs the benchmarks: all, or those named.
 *
 *     npm run bench -- [NAME …] [--quick] [--json FILE] [--markdown]
 *     npm run bench -- echo [--sizes 64,1024] [--connections 1,50] [--depth 1,16] [--servers 'c epoll,guest']
 *                           [--rounds 5] [--load c|node] [--python FILE]
 *     npm run bench -- peers [--case 'ping-pong'] [--python FILE]
 *     npm run bench -- simulation [--case 'one pair'] [--turmoil FILE]
 *
 * `--quick` shows in seconds that everything works; its figures mean nothing. `--markdown` prints what
 * docs/performance.md is made of. How it is measured: measure.ts, echo.ts, peers.ts, simulation.ts, and docs/decisions/0006-benchmarks.md.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { Answer } from './answer.ts';
import type { Request } from './ask-question.ts';
import { programFile } from './program.ts';
import { QUESTIONS } from './questions.ts';
import { describeMachine, formatAnswer, formatHead } from './report.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'string' },
    markdown: { type: 'boolean', default: false },
    servers: { type: 'string' },
    sizes: { type: 'string' },
    connections: { type: 'string' },
    depth: { type: 'string' },
    load: { type: 'string' },
    rounds: { type: 'string' },
    case: { type: 'string' },
    python: { type: 'string' },
    turmoil: { type: 'string' },
  },
});
const { quick, json, markdown, ...settings } = values;
const names = positionals.length > 0 ? positionals : Object.keys(QUESTIONS);
for (const name of names) {
  if (QUESTIONS[name] === undefined) {
    throw new RangeError(`Cannot run ${name}: the benchmarks are ${Object.keys(QUESTIONS).join(', ')}`);
  }
}

const machine = describeMachine();
const answers: Answer[] = [];
console.log(formatHead(machine));
if (quick) console.log('!! --quick: the figures below mean nothing');
for (const name of names) {
  const answer = await ask({ name, effort: { quick, settings: { ...settings } } });
  answers.push(answer);
  console.log(`\n${formatAnswer(answer, markdown ? 'markdown' : 'plain')}`);
}
if (json !== undefined) writeFileSync(json, `${JSON.stringify({ machine, quick, answers }, null, 2)}\n`);

/** @throws what went wrong was printed by the process that asked */
async function ask(request: Request): Promise<Answer> {
  const child = fork(programFile('ask-question'), {
    execArgv: [...process.execArgv, '--expose-gc'],
    serialization: 'advanced',
  });
  let answer: Answer | null = null;
  child.on('message', (message) => {
    answer = message as Answer;
  });
  child.send(request);
  const [code, signal] = await once(child, 'exit');
  if (answer === null) throw new Error(`Cannot answer ${request.name}: it ended with ${code ?? signal}`);
  return answer;
}
