// What becomes of a process in which a loop runs: for test/runtime/process.test.ts. Its argument says what to run.
import { getRunningLoop, newEventLoop, Runner, run, sleep } from 'tulipa';

const say = (text: string) => process.stdout.write(`${text}\n`);
const far = 3_600_000;

const scenarios: Record<string, () => unknown> = {
  'a timer': () =>
    run(function* () {
      const fired = getRunningLoop().createFuture<void>();
      getRunningLoop().callLater(30, () => fired.setResult());
      yield* fired;
      say('fired');
    }),

  'a timer of which unref was taken back': () =>
    run(function* () {
      const fired = getRunningLoop().createFuture<void>();
      const timer = getRunningLoop().callLater(30, () => fired.setResult());
      timer.unref();
      yield;
      timer.ref();
      yield* fired;
      say('fired');
    }),

  'an unref’d timer': () =>
    run(function* () {
      const fired = getRunningLoop().createFuture<void>();
      getRunningLoop()
        .callLater(far, () => fired.setResult())
        .unref();
      say('waits');
      yield* fired;
      say('fired');
    }),

  'an unref’d repeating timer': () =>
    run(function* () {
      const loop = getRunningLoop();
      const ticked = loop.createFuture<void>();
      let ticks = 0;
      loop
        .callRepeatedly(0, () => {
          if (ticks++ === 0) ticked.setResult();
        })
        .unref();
      yield* sleep(20);
      yield* ticked;
      say('ticked');
      yield* loop.createFuture<void>();
    }),

  'a cancelled timer': () =>
    run(function* () {
      const fired = getRunningLoop().createFuture<void>();
      getRunningLoop()
        .callLater(far, () => fired.setResult())
        .cancel();
      say('waits');
      yield* fired;
      say('fired');
    }),

  'a timer cancelled later': () =>
    run(function* () {
      const loop = getRunningLoop();
      const timer = loop.callLater(far, () => say('fired'));
      yield* sleep(5);
      timer.cancel();
      say('waits');
      yield* loop.createFuture<void>();
    }),

  'timers left behind': () =>
    run(function* () {
      const loop = getRunningLoop();
      loop.callLater(far, () => say('fired'));
      loop.callRepeatedly(far, () => say('fired'));
      loop.callLater(Infinity, () => say('fired'));
      yield;
      say('main is done');
    }),

  nothing: () =>
    run(function* () {
      say('waits');
      yield* getRunningLoop().createFuture<void>();
      say('goes on');
    }),

  'callbacks that queue callbacks': () =>
    run(function* () {
      const loop = getRunningLoop();
      const done = loop.createFuture<void>();
      let left = 10_000;
      const next = () => {
        if (--left === 0) done.setResult();
        else loop.callSoon(next);
      };
      loop.callSoon(next);
      yield* done;
      say('all called');
    }),

  'a promise of the host': () =>
    run(async () => {
      await new Promise((resolve) => setTimeout(resolve, 30));
      say('resolved');
    }),

  'a loop that nobody runs': () => {
    const loop = newEventLoop();
    loop.callSoon(() => say('called'));
    loop.callLater(far, () => say('fired'));
    loop.addSignalHandler('SIGHUP', () => say('signal'));
  },

  'a runner between its runs': async () => {
    const runner = new Runner();
    await runner.run(function* () {
      getRunningLoop().callLater(far, () => say('fired'));
      yield;
    });
    say('between');
  },

  'a run called by nobody who waits': () => {
    void run(function* () {
      yield* sleep(5);
      say('done');
    });
  },

  'a tick that throws': () =>
    run(function* () {
      getRunningLoop().callSoon(() => {
        process.nextTick(() => {
          throw new Error('thrown by a tick');
        });
      });
      yield* sleep(far);
    }),

  'a tick that throws in a microtask of an async task': () =>
    run(async () => {
      await sleep(1);
      await null;
      process.nextTick(() => {
        throw new Error('thrown by a tick');
      });
      await sleep(far);
    }),

  'a tick that throws while I/O is under way': () =>
    run(async () => {
      const loop = getRunningLoop();
      await loop.getaddrinfo('localhost', 80);
      process.nextTick(() => {
        throw new Error('thrown by a tick');
      });
      await sleep(far);
    }),

  'ticks that throw, and a listener': () => {
    process.on('uncaughtException', (error) => say(`uncaught: ${error.message}`));
    return run(function* () {
      const loop = getRunningLoop();
      for (let i = 0; i < 3; i++) {
        loop.callSoon(() => process.nextTick(throwing, `soon ${i}`));
        loop.callLater(1, () => process.nextTick(throwing, `later ${i}`));
      }
      yield* sleep(20);
      yield* loop.getaddrinfo('localhost', 80);
      say('main is done');
    });
  },

  'a promise that is rejected for nobody': () =>
    run(function* () {
      getRunningLoop().callSoon(() => {
        void Promise.reject(new Error('rejected for nobody'));
      });
      yield* sleep(far);
    }),

  'a failing main for nobody': () => {
    void run(function* () {
      yield;
      throw new Error('of main');
    });
  },

  'process.exit in a callback': () =>
    run(function* () {
      getRunningLoop().callSoon(() => process.exit(7));
      yield* sleep(far);
    }),
};

function throwing(text: string): void {
  throw new Error(text);
}

const scenario = scenarios[process.argv[2] ?? ''];
if (scenario === undefined) throw new RangeError(`Cannot run ${process.argv[2]}: no such scenario`);
process.on('exit', () => say('exit'));
await scenario();
say('end of the program');
