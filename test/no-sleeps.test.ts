import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Ways to wait for a time to pass, beside our own loops: a timer of the host's, a thread that sleeps, a clock that is watched. */
const waiting = /(?<![.\w])set(?:Timeout|Interval)\(|Atomics\.wait\(|while \([^)\n]*(?:time|now)\(\) </;

const simulated = 'the timers are those of a simulation, or are refused by it';

/** Why these files, or all in these folders, name one all the same. */
const allowed: Readonly<Record<string, string>> = {
  'test/adapters/node/': "the host's own timers are what is adapted",
  'test/cli/simulate.test.ts': simulated,
  'test/cli/web/http-server.test.ts': 'a client that sends byte by byte, each in a packet of its own',
  'test/contract/': 'that timers of the host run beside the loop is what is tested',
  'test/coroutines/promises-aplus.test.ts': 'the timers are mocked',
  'test/debug/debug-mode.test.ts': 'a callback that is slow in real time is told of',
  'test/debug/past-loop.test.ts': 'that timers of the host are counted is what is tested',
  'test/drivers/example/memory-driver.ts': 'the driver waits as a driver does',
  'test/drivers/readiness/alarm.test.ts': 'how late real timers are is what is tested',
  'test/drivers/uv/uv-signals.test.ts': 'keeps the process alive; nobody waits for it',
  'test/executors/': 'work that blocks a thread',
  'test/loop/recorded-stack.test.ts': 'a stack across a timer of the host is what is tested',
  'test/runtime/run.test.ts': 'a run that is started by a timer of the host is what is tested',
  'test/runtime/simulation.test.ts': simulated,
  'test/support/browser.ts': 'code for a page in a browser',
  'test/support/programs/': 'programs of their own, whose processes are ended by who started them',
  'test/testing/': simulated,
  'test/threads/': 'work that blocks a thread',
};

/** Whose loops are simulated: see the last test here. */
const inVirtualTime = /^test\/(?:coroutines|sync|testing|types)\//;

/** Why a task sleeps on a loop in real time, some milliseconds at most. */
const sleeping: Readonly<Record<string, string>> = {
  'test/cli/web/http-server.test.ts': 'an answer that takes its time, for clients that do not wait for it',
  'test/contract/loop-contract.ts': 'timers of every loop, and that it waits for them',
  'test/contract/running-contract.ts': 'runs of every loop, which must go on while a timer is all there is',
  'test/contract/streams-contract.ts': 'far away: it is cancelled',
  'test/debug/debug-mode.test.ts': 'what debug mode tells of a wait, on a real clock',
  'test/debug/past-loop.test.ts': 'timers of ours are told from those of the host',
  'test/debug/trace.test.ts': 'a trace shows waits as long as they were',
  'test/drivers/example/memory-driver.test.ts': 'that driver’s own clock',
  'test/hostile/order.test.ts': 'timers take part in the order that is tested',
  'test/runtime/async-local-storage.test.ts': 'a timer keeps the store of who set it',
  'test/runtime/not-supported.test.ts': 'never begun: the loop refuses to run it',
  'test/runtime/run.test.ts': 'a run that is under way while another is asked for',
  'test/runtime/simulation.test.ts': 'in virtual time',
  'test/runtime/stepped-loop.test.ts': 'in virtual time',
  'test/support/leaks.test.ts': 'far away: it is cancelled',
};

/** The entry that excuses a file. */
function excuseOf(file: string): string | undefined {
  return Object.keys(allowed).find((place) =>
    place.endsWith('/') ? file.startsWith(place) : file === place,
  );
}

describe('the tests', () => {
  const found = globSync('test/**/*.ts', { cwd: root })
    .map((file) => file.replaceAll('\\', '/'))
    .filter((file) => waiting.test(readFileSync(`${root}/${file}`, 'utf8')))
    .sort();

  it('wait for what happens, not for time: sleep in a simulation (test/support/simulated.ts), or say here why not', () => {
    assert.deepEqual(
      found.filter((file) => excuseOf(file) === undefined),
      [],
    );
  });

  it('sleep on real loops only where a timer that comes is what is tested', () => {
    const sleepers = globSync('test/**/*.test.ts', { cwd: root })
      .concat(globSync('test/contract/*-contract.ts', { cwd: root }))
      .map((file) => file.replaceAll('\\', '/'))
      .filter((file) => {
        const source = readFileSync(`${root}/${file}`, 'utf8');
        return (
          /(?<!\.)\bsleep\(\d*[1-9]/.test(source) &&
          !inVirtualTime.test(file) &&
          !/simTest|simulate\(/.test(source)
        );
      })
      .sort();
    assert.deepEqual(sleepers, Object.keys(sleeping).sort());
  });

  it('are excused only where they need it', () => {
    assert.deepEqual(
      Object.keys(allowed).filter((place) => !found.some((file) => excuseOf(file) === place)),
      [],
    );
  });

  it('of coroutines, locks and queues run in virtual time, but for those that look at collected garbage or the host', () => {
    const real = globSync('test/{coroutines,sync}/**/*.ts', { cwd: root })
      .map((file) => file.replaceAll('\\', '/'))
      .filter((file) =>
        /\brun\b[^;]*from '\.\.\/\.\.\/src\/runtime/.test(readFileSync(`${root}/${file}`, 'utf8')),
      )
      .sort();
    assert.deepEqual(real, [
      'test/coroutines/ensure-future.test.ts', // a loop that is made by hand
      'test/coroutines/future.test.ts', // garbage
      'test/coroutines/open-scopes.test.ts', // garbage
      'test/coroutines/promises-aplus.test.ts', // timers of the host, mocked
      'test/coroutines/task-group.test.ts', // garbage
      'test/coroutines/task.test.ts', // garbage
    ]);
  });
});
