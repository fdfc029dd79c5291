// Question: what does it cost to turn Node's loop too, while ours owns the thread?
//
// `turn`: one after the other, with nothing to wait for. `message`: a byte to and fro on a pair of sockets of the loop's own,
// a wait for each. `file`: a stat by Node's threads, which only they can do that leave Node's loop turning.
import { stat } from 'node:fs/promises';
import { getRunningLoop, listDrivers, run, socketPair } from 'tulipa';
import type { Question } from './answer.ts';
import { type Candidate, measure, type Stopwatch } from './measure.ts';

export const question: Question = {
  question: "What does it cost to turn Node's loop too?",
  async ask(effort) {
    const epoll = listDrivers().find(({ name }) => name === 'epoll');
    const missing = epoll === undefined || epoll.unavailable !== null;
    const driver = missing ? 'node' : 'epoll';
    const runner = missing ? 'guest' : 'blocking';
    const [turns, messages, files] = effort.quick ? [100, 10, 10] : [100_000, 5_000, 2_000];

    function* work(watch: Stopwatch) {
      watch.start();
      for (let turn = 0; turn < turns; turn++) yield;
      watch.lap('turn', turns);
      if (missing) return;
      const loop = getRunningLoop();
      const [near, far] = socketPair();
      const byte = new Uint8Array(1);
      const echoed = loop.createTask(function* () {
        for (let message = 0; message < messages; message++) {
          yield* loop.sockSendall(far, yield* loop.sockRecv(far, 1));
        }
      });
      watch.start();
      for (let message = 0; message < messages; message++) {
        yield* loop.sockSendall(near, byte);
        yield* loop.sockRecv(near, 1);
      }
      watch.lap('message', messages);
      yield* echoed;
      near.close();
      far.close();
    }

    async function readFiles(watch: Stopwatch) {
      watch.start();
      for (let file = 0; file < files; file++) await stat('/');
      watch.lap('file', files);
    }

    const candidates: Record<string, Candidate> = {
      'blocking, Node stands still': (watch) => run(() => work(watch), { driver, runner }),
      guest: async (watch) => {
        await run(() => work(watch), { driver, runner: 'guest' });
        await run(() => readFiles(watch), { driver, runner: 'guest' });
      },
    };
    const turnsHost: Candidate = async (watch) => {
      await run(() => work(watch), { driver, runner, turnsHost: true });
      await run(() => readFiles(watch), { driver, runner, turnsHost: true });
    };
    const canTurn = !missing && Number.parseInt(process.versions.node, 10) >= 26;
    if (canTurn) candidates["blocking, turns Node's"] = turnsHost;
    const answer = await measure(effort, candidates);
    return canTurn
      ? answer
      : { ...answer, notes: [...answer.notes, "Skipped: Node's loop cannot be turned here"] };
  },
};
