import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readlinkSync } from 'node:fs';
import { describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import {
  CancelledError,
  createTask,
  gather,
  NotSupportedError,
  run,
  StateError,
  SystemError,
  sleep,
  TimeoutError,
  timeout,
} from 'tulipa';
import {
  curveKeyPair,
  type SocketKind,
  type SocketOf,
  ZmqContext,
  type ZmqSocket,
} from 'tulipa/adapters/zeromq';
import { simulate } from 'tulipa/testing';
import { collectAtOnce } from '../../test/support/collect-garbage.ts';
import { Random } from '../../test/support/random.ts';
import { assertRejects } from '../assert-rejects.ts';
import { type DriverName, drivers, row } from '../cells.ts';
import { childFlags, threadBeginning } from '../child-program.ts';
import { startZmqPeer, ZmqPeer } from '../zmq-peer.ts';

const anyPort = 'tcp://127.0.0.1:*';
const endpointOfPeer = await startZmqPeer();

const missing = 'pyzmq is not installed here';
const without: Partial<Record<DriverName, string>> =
  endpointOfPeer === null
    ? Object.fromEntries(drivers.map((driver) => [driver, missing]))
    : { simulation: 'its sockets are those of libzmq, which no simulated network reaches' };

/** Runs `body` with a context, and with what Python does, and closes both. */
async function withPeer(body: (context: ZmqContext, peer: ZmqPeer) => PromiseLike<void>): Promise<void> {
  const context = new ZmqContext();
  try {
    await body(context, new ZmqPeer(context, endpointOfPeer as string));
  } finally {
    await context.close();
  }
}

async function withContext(body: (context: ZmqContext) => PromiseLike<void>): Promise<void> {
  const context = new ZmqContext();
  try {
    await body(context);
  } finally {
    await context.close();
  }
}

const texts = (message: readonly Uint8Array[]) => message.map((part) => Buffer.from(part).toString());

function pair(context: ZmqContext): [SocketOf<'pair'>, SocketOf<'pair'>] {
  const one = context.socket('pair');
  const other = context.socket('pair');
  other.connect(one.bind(`inproc://pair${pairs++}`));
  return [one, other];
}
let pairs = 0;

/** For other processes and threads. */
const flags = ['--no-warnings', ...childFlags];

const failsWith = (code: string) => (error: unknown) => error instanceof SystemError && error.code === code;

const descriptors = () => readdirSync('/proc/self/fd').length;

row('zeromq', { without }, (it) => {
  it('asks and answers Python, from either end', () =>
    withPeer(async (context, peer) => {
      const theirs = await peer.socket('rep');
      const req = context.socket('req');
      req.connect(await theirs.bind());
      await req.send('grüß');
      await theirs.echo(1);
      assert.deepEqual(texts(await req.receive()), ['grüß']);

      const rep = context.socket('rep');
      const asking = await peer.socket('req');
      await asking.connect(rep.bind(anyPort));
      await asking.send(['a', '', 'b']);
      const question = await rep.receive();
      assert.deepEqual(texts(question), ['a', '', 'b']);
      await rep.send(question.reverse());
      assert.deepEqual((await asking.receive()).map(texts), [['b', '', 'a']]);
    }));

  it('routes messages of many parts, some empty, some larger than all buffers', () =>
    withPeer(async (context, peer) => {
      const router = context.socket('router');
      const endpoint = router.bind(anyPort);
      const large = Buffer.alloc(3_000_001, 'xyz');
      const theirs = await peer.socket('dealer', { routing_id: 'them' });
      await theirs.connect(endpoint);
      await theirs.send(['', large, 'z'], ['only']);
      const [id, empty, body, end] = await router.receive();
      assert.deepEqual([String(Buffer.from(id as Uint8Array)), empty?.length], ['them', 0]);
      assert.ok(large.equals(body as Uint8Array));
      assert.equal(Buffer.from(end as Uint8Array).toString(), 'z');
      assert.deepEqual(texts(await router.receive()), ['them', 'only']);

      const theirRouter = await peer.socket('router');
      const dealer = context.socket('dealer', { routingId: 'us' });
      dealer.connect(await theirRouter.bind());
      await dealer.send([large, new Uint8Array(0)]);
      await dealer.send(Array.from({ length: 300 }, (_, index) => `${index}`));
      const [first, second] = await theirRouter.receive(2);
      assert.deepEqual([texts(first?.slice(0, 1) ?? []), first?.[2]?.length], [['us'], 0]);
      assert.ok(large.equals(first?.[1] as Buffer));
      assert.equal(second?.length, 301);
      await theirRouter.send(['us', 'back']);
      assert.deepEqual(texts(await dealer.receive()), ['back']);
    }));

  it('pushes and pulls thousands, in order', () =>
    withPeer(async (context, peer) => {
      const count = 3000;
      const numbers = Array.from({ length: count }, (_, index) => [`${index}`]);
      const pull = await peer.socket('pull');
      const push = context.socket('push');
      push.connect(await pull.bind());
      for (const [number] of numbers) await push.send(number as string);
      assert.deepEqual((await pull.receive(count)).map(texts), numbers);

      const theirs = await peer.socket('push');
      const ours = context.socket('pull');
      await theirs.connect(ours.bind(anyPort));
      const received: string[][] = [];
      const reading = createTask(async () => {
        for await (const message of ours) {
          received.push(texts(message));
          if (received.length === count) return;
        }
      });
      await theirs.send(...numbers);
      await reading;
      assert.deepEqual(received, numbers);
    }));

  it('publishes, and is told of subscriptions', () =>
    withPeer(async (context, peer) => {
      const xpub = context.socket('xpub');
      const sub = await peer.socket('sub');
      await sub.connect(xpub.bind(anyPort));
      await sub.subscribe('news');
      assert.deepEqual(texts(await xpub.receive()), ['\u0001news']);
      await xpub.send(['other', 'no']);
      await xpub.send(['news', 'yes']);
      assert.deepEqual((await sub.receive()).map(texts), [['news', 'yes']]);

      const theirs = await peer.socket('xpub');
      const ours = context.socket('sub');
      ours.connect(await theirs.bind());
      ours.subscribe('a').subscribe('b').unsubscribe('b');
      // The subscriptions are theirs to take, in whatever number they come.
      assert.deepEqual((await theirs.receive()).map(texts), [['\u0001a']]);
      await theirs.send(['b', 'no'], ['a', 'yes']);
      assert.deepEqual(texts(await ours.receive()), ['a', 'yes']);

      const pub = context.socket('pub');
      const xsub = context.socket('xsub');
      const gate = context.socket('xpub');
      xsub.connect(gate.bind('inproc://gate'));
      await xsub.send('\u0001t');
      assert.deepEqual(texts(await gate.receive()), ['\u0001t']);
      await gate.send('t!');
      assert.deepEqual(texts(await xsub.receive()), ['t!']);
      await pub.send('to nobody');
    }));

  it('waits while nobody is there to take a message, and while their queues are full', () =>
    withPeer(async (context, peer) => {
      const push = context.socket('push', { sendHighWaterMark: 1 });
      const endpoint = push.bind('ipc://@tulipa-test-full');
      const sent = push.send('first');
      const second = push.send('second');
      await sleep(1);
      assert.deepEqual([sent.done(), second.done()], [false, false]);
      const pull = await peer.socket('pull', { rcvhwm: 1 });
      await pull.connect(endpoint);
      await gather([sent, second]);
      // More than libzmq and the kernel can hold.
      const large = Buffer.alloc(1_000_000);
      let taken = 0;
      const sending = createTask(async () => {
        for (; taken < 30; taken++) await push.send(large);
      });
      await assert.rejects(async () => await timeout(100, async () => await sending), TimeoutError);
      assert.ok(taken < 30, `${taken}`);
      assert.deepEqual((await pull.receive(2)).map(texts), [['first'], ['second']]);
      await pull.close();
    }));

  it('loses nothing when who receives is cancelled, and sends nothing of who sends', () =>
    withContext(async (context) => {
      const [one, other] = pair(context);
      await assert.rejects(async () => await timeout(1, async () => await other.receive()), TimeoutError);
      await one.send('kept');
      assert.deepEqual(texts(await other.receive()), ['kept']);

      // Given, and not looked at yet: the next in line has it.
      const waiting = [0, 1, 2].map(() => createTask(async () => texts(await other.receive())));
      await sleep(0);
      await one.send('a');
      await one.send('b');
      // In memory, both have arrived by now, and only a look gives them out.
      const fourth = other.receive();
      waiting[0]?.cancel();
      await one.send('c');
      assert.deepEqual(await gather(waiting.slice(1)), [['b'], ['a']]);
      assert.deepEqual(texts(await fourth), ['c']);
      assert.equal(waiting[0]?.cancelled(), true);
      // With nobody in line, whoever comes next has it, in its old place.
      const last = createTask(async () => await other.receive());
      await sleep(0);
      await one.send('d');
      other.connect('inproc://elsewhere');
      last.cancel();
      await one.send('e');
      await assert.rejects(async () => await last, CancelledError);
      assert.deepEqual([texts(await other.receive()), texts(await other.receive())], [['d'], ['e']]);

      const push = context.socket('push');
      const never = push.send('never');
      const later = push.send('later');
      never.cancel();
      const pull = context.socket('pull');
      pull.connect(push.bind('inproc://cancelled'));
      assert.deepEqual(texts(await pull.receive()), ['later']);
      await later;
      assert.ok(never.cancelled());
    }));

  it('tells what it cannot do, by its code', () =>
    withContext(async (context) => {
      const rep = context.socket('rep');
      const endpoint = rep.bind(anyPort);
      assert.throws(() => context.socket('rep').bind(endpoint), failsWith('EADDRINUSE'));
      assert.throws(() => rep.bind('nonsense'), failsWith('EINVAL'));
      assert.throws(() => rep.connect('what://ever'), failsWith('EPROTONOSUPPORT'));
      assert.throws(() => rep.unbind('tcp://127.0.0.1:1'), failsWith('ENOENT'));
      rep.unbind(endpoint);
      await assert.rejects(async () => await rep.send('unasked'), failsWith('EFSM'));
      await assert.rejects(async () => await context.socket('req').receive(), failsWith('EFSM'));
      const all: ZmqSocket = context.socket('push') as never;
      await assert.rejects(async () => await all.receive(), failsWith('ENOTSUP'));
      assert.throws(() => all.subscribe('x'), failsWith('EINVAL'));
      const router = context.socket('router', { mandatory: true });
      await assert.rejects(async () => await router.send(['nobody', 'x']), failsWith('EHOSTUNREACH'));
    }));

  it('takes every option, of kinds that have it, and disconnects who sends more than is taken', () =>
    withPeer(async (context, peer) => {
      const common = {
        ...{ linger: 5, sendHighWaterMark: 10, receiveHighWaterMark: 0, partBytesMax: 100, routingId: 'x' },
        ...{ immediate: true, ipv6: true, backlog: 5, connectTimeout: 100, handshakeTimeout: 100 },
        ...{ reconnectInterval: 5, reconnectIntervalMax: 50, heartbeatInterval: 1000, heartbeatTimeout: 500 },
        tcpKeepAlive: true,
      };
      const kinds = { router: { mandatory: true, handover: true }, xpub: { noDrop: true, verbose: true } };
      for (const [kind, own] of Object.entries({ ...kinds, req: { relaxed: true } })) {
        context.socket(kind as SocketKind, { ...common, ...own }).close();
        assert.throws(() => context.socket('pair', own as object), failsWith('EINVAL'));
      }
      const pull = context.socket('pull', { partBytesMax: 100 });
      const endpoint = pull.bind(anyPort);
      const [greedy, modest] = [await peer.socket('push'), await peer.socket('push')];
      await greedy.connect(endpoint);
      await greedy.send(['x'.repeat(101)]);
      await modest.connect(endpoint);
      await modest.send(['x'.repeat(100)], ['end']);
      assert.deepEqual(
        [texts(await pull.receive()), texts(await pull.receive())],
        [['x'.repeat(100)], ['end']],
      );
    }));

  it('encrypts by CURVE, with keys that are its own, and takes nobody else for its server', () =>
    withPeer(async (context, peer) => {
      const [ours, theirs, others] = [curveKeyPair(), curveKeyPair(), curveKeyPair()];
      const pull = context.socket('pull', { curve: { secretKey: ours.secretKey } });
      const endpoint = pull.bind(anyPort);
      const keys = { curve_publickey: theirs.publicKey, curve_secretkey: theirs.secretKey };
      // Once refused, they have nobody to send to.
      const wrong = await peer.socket('push', { ...keys, curve_serverkey: others.publicKey, sndtimeo: 0 });
      await wrong.connect(endpoint);
      const plain = await peer.socket('push', { sndtimeo: 0 });
      await plain.connect(endpoint);
      const right = await peer.socket('push', { ...keys, curve_serverkey: ours.publicKey });
      await right.connect(endpoint);
      for (const socket of [wrong, plain]) await socket.send(['wrong']).catch(() => {});
      await right.send(['right']);
      assert.deepEqual(texts(await pull.receive()), ['right']);

      const server = await peer.socket('pair', { curve_server: 1, curve_secretkey: theirs.secretKey });
      const pairing = context.socket('pair', { curve: { ...ours, serverKey: theirs.publicKey } });
      pairing.connect(await server.bind());
      await pairing.send('secret');
      assert.deepEqual((await server.receive()).map(texts), [['secret']]);
      for (const curve of [
        {},
        null,
        5,
        { secretKey: 'short' },
        { ...ours, serverKey: 'x', publicKey: 'y' },
      ]) {
        assert.throws(() => context.socket('pair', { curve } as object), TypeError);
      }
    }));

  it('tells of wrong arguments at the call, and of sockets that are closed', function* () {
    const context = new ZmqContext();
    const socket = context.socket('dealer');
    assert.throws(() => context.socket('stream' as SocketKind), RangeError);
    assert.throws(() => context.socket('toString' as SocketKind), RangeError);
    for (const options of [
      { unknown: 1 },
      { linger: -1 },
      { linger: 'x' },
      { sendHighWaterMark: 1.5 },
      { routingId: '' },
      { routingId: '\0x' },
      { routingId: 'x'.repeat(256) },
      { mandatory: 1 },
      { partBytesMax: 2 ** 31 },
    ]) {
      assert.throws(() => context.socket('dealer', options as never), /RangeError|TypeError/);
    }
    assert.throws(() => new ZmqContext({ ioThreads: 0 }), RangeError);
    assert.throws(() => new ZmqContext({ library: 'libnone.so.0' }), NotSupportedError);
    for (const message of [[], null, 5, {}, ['x', undefined], [new ArrayBuffer(3)], new Uint16Array(2)]) {
      assert.throws(() => socket.send(message as never), /RangeError|TypeError/);
    }
    assert.throws(() => socket.connect('inproc://a\0b'), TypeError);
    assert.throws(() => socket.connect(5 as never), TypeError);

    const waiting = [socket.receive(), socket.receive(), socket.send('x')];
    socket.close();
    socket.close();
    for (const future of waiting) yield* assertRejects(future, StateError);
    assert.throws(() => socket.receive(), { code: 'ERR_SOCKET_CLOSED' });
    assert.throws(() => socket.send('x'), { code: 'ERR_SOCKET_CLOSED' });
    assert.throws(() => socket.bind(anyPort), { code: 'ERR_SOCKET_CLOSED' });
    yield* context.close();
    yield* context.close();
    assert.throws(() => context.socket('pair'), { code: 'ERR_CONTEXT_CLOSED' });
  });

  it('reads no further than the memory goes, whatever a part says of itself', () =>
    withContext(async (context) => {
      const [one, other] = pair(context);
      class Liar extends Uint8Array {
        override get length() {
          return 1e9;
        }
        override get byteLength() {
          return 1e9;
        }
      }
      await one.send([new Liar(3), Buffer.from('pooled').subarray(2, 4), new Uint8Array(0)]);
      assert.deepEqual(await other.receive().then((parts) => parts.map((part) => part.length)), [3, 2, 0]);
      const gone = new Uint8Array(8);
      structuredClone(gone, { transfer: [gone.buffer] });
      assert.throws(() => one.send(gone), TypeError);
      // Sent, the memory is the sender's again; also when it had to wait.
      const push = context.socket('push');
      const bytes = Buffer.from('before');
      const sent = push.send(bytes);
      bytes.write('after!');
      const pull = context.socket('pull');
      pull.connect(push.bind('inproc://copied'));
      assert.deepEqual(texts(await pull.receive()), ['before']);
      await sent;
    }));

  it('sends what is left after the close, for as long as it lingers, and then ends', () =>
    withPeer(async (context, peer) => {
      const own = new ZmqContext();
      const push = own.socket('push', { linger: null });
      const late = await peer.socket('pull');
      // Nobody listens there yet.
      const probe = context.socket('pull');
      const endpoint = probe.bind(anyPort);
      probe.unbind(endpoint);
      push.connect(endpoint);
      for (let index = 0; index < 10; index++) await push.send(`${index}`);
      push.close();
      const closed = own.close();
      await late.bind(endpoint);
      assert.equal((await late.receive(10)).length, 10);
      await closed;

      const lost = new ZmqContext();
      const dealers = [0, 20].map((linger) => lost.socket('dealer', { linger }));
      for (const dealer of dealers) {
        dealer.connect('tcp://127.0.0.1:1');
        await dealer.send('in vain');
      }
      const begun = performance.now();
      await lost.close();
      assert.ok(performance.now() - begun < 5000);
      assert.ok(dealers.every((dealer) => dealer.closed));
    }));

  it('waits for the one peer of a router whose queue is full', () =>
    withPeer(async (context) => {
      const router = context.socket('router', { mandatory: true, sendHighWaterMark: 1, linger: 0 });
      const endpoint = router.bind('inproc://router');
      const [slow, free] = ['slow', 'free'].map((routingId) =>
        context.socket('dealer', { routingId, receiveHighWaterMark: 1 }),
      ) as [SocketOf<'dealer'>, SocketOf<'dealer'>];
      for (const dealer of [slow, free]) {
        dealer.connect(endpoint);
        await dealer.send('hello');
        await router.receive();
      }
      let sent = 0;
      const sending = createTask(async () => {
        for (; sent < 20; sent++) await router.send(['slow', `${sent}`]);
      });
      await sleep(1);
      assert.ok(sent < 20, `${sent}`);
      for (let index = 0; index < 20; index++) assert.deepEqual(texts(await slow.receive()), [`${index}`]);
      await sending;
      free.close();
    }));

  it('leaves no descriptor and no thread behind', async () => {
    const count = () => [descriptors(), readdirSync('/proc/self/task').length];
    const round = async () => {
      const context = new ZmqContext();
      const [one, other] = pair(context);
      const tcp = context.socket('sub').subscribe();
      tcp.connect(context.socket('pub').bind(anyPort));
      const waiting = other.receive();
      await one.send('x');
      await waiting;
      const inVain = tcp.receive();
      await context.close();
      await assert.rejects(async () => await inVain, StateError);
    };
    await round();
    const before = count();
    for (let index = 0; index < 5; index++) await round();
    assert.deepEqual(count(), before);
  });
});

/** What ends them with their thread is a hook that only koffi has access to. */
const hooked = process.env['TULIPA_FFI'] === 'node' ? 'node:ffi has no hook for the end of a thread' : false;

describe('ZeroMQ', { skip: endpointOfPeer === null ? missing : false }, () => {
  for (const driver of ['epoll', 'poll', 'select']) {
    it(`goes on with no turn of libuv, in a blocking run on ${driver}`, async () => {
      let turned = false;
      const received = await run(
        async () => {
          const immediate = setImmediate(() => {
            turned = true;
          });
          let seen: string[][] = [];
          await withPeer(async (context, peer) => {
            const theirs = await peer.socket('dealer');
            const ours = context.socket('router');
            await theirs.connect(ours.bind(anyPort));
            await theirs.send(['1'], ['2', '']);
            const first = await ours.receive();
            seen = [texts(first.slice(1)), texts((await ours.receive()).slice(1))];
            await ours.send([first[0] as Uint8Array, 'back']);
            assert.deepEqual((await theirs.receive()).map(texts), [['back']]);
            await assert.rejects(
              async () => await timeout(5, async () => await ours.receive()),
              TimeoutError,
            );
          });
          clearImmediate(immediate);
          return seen;
        },
        { driver, runner: 'blocking' },
      );
      assert.deepEqual([received, turned], [[['1'], ['2', '']], false]);
    });
  }

  it('gives back what nobody has closed, and nobody has any more', async () => {
    const count = () => [descriptors(), readdirSync('/proc/self/task').length];
    await run(
      async () => {
        const before = count();
        const leave = async () => {
          const context = new ZmqContext();
          const push = context.socket('push');
          push.connect('tcp://127.0.0.1:1');
          await push.send('in vain');
          const pull = context.socket('pull');
          pull.bind(anyPort);
          // Who was cancelled leaves no reader behind, which would keep it.
          pull.receive().cancel();
        };
        for (let index = 0; index < 3; index++) await leave();
        assert.notDeepEqual(count(), before);
        for (let rounds = 0; rounds < 200 && `${count()}` !== `${before}`; rounds++) {
          collectAtOnce();
          await sleep(1);
        }
        assert.deepEqual(count(), before);
      },
      { driver: 'epoll' },
    );
  });

  it('is refused in a simulation', async () => {
    await simulate(async () => {
      assert.throws(
        () => new ZmqContext(),
        (error) => error instanceof NotSupportedError && error.feature === 'zeromq',
      );
    });
  });

  it('passes each message on once, whoever sends, receives and is cancelled meanwhile', async () => {
    const steps = ['send', 'receive', 'cancel', 'cancel late', 'turn'] as const;
    for (let seed = 1; seed <= 60; seed++) {
      const random = new Random(seed);
      await run(
        () =>
          withContext(async (context) => {
            const [one, other] = pair(context);
            const received: number[] = [];
            const receiving = () =>
              createTask(function* () {
                received.push(Number(texts(yield* other.receive())[0]));
              });
            const tasks: ReturnType<typeof receiving>[] = [];
            let sent = 0;
            for (let count = random.below(60); count > 0; count--) {
              const step = steps[random.below(steps.length)];
              if (step === 'send') await one.send(`${sent++}`);
              else if (step === 'receive') tasks.push(receiving());
              else if (step === 'turn') await sleep(0);
              else (step === 'cancel' ? tasks.shift() : tasks.pop())?.cancel();
            }
            for (const task of tasks) task.cancel();
            await sleep(0);
            while (received.length < sent) received.push(Number(texts(await other.receive())[0]));
            const all = Array.from({ length: sent }, (_, index) => index);
            assert.deepEqual(
              received.sort((a, b) => a - b),
              all,
              `seed ${seed}`,
            );
            const more = other.receive();
            assert.equal(more.done(), false, `seed ${seed}`);
            more.cancel();
          }),
        { driver: 'epoll' },
      );
    }
  });

  it('lets a process end that has closed nothing', async () => {
    const source = `
      import { run } from 'tulipa';
      import { ZmqContext } from 'tulipa/adapters/zeromq';
      await run(async () => {
        const context = new ZmqContext();
        const socket = context.socket('push', { linger: null });
        socket.connect('tcp://127.0.0.1:1');
        await socket.send('in vain');
        if (process.argv[2] === 'close') { socket.close(); void context.close(); }
        if (process.argv[2] === 'exit') process.exit(7);
      });
      process.exitCode = 7;
    `;
    for (const how of ['leave', 'exit']) {
      const child = spawn(process.execPath, [...flags, '--input-type=module', '-', how], {
        stdio: ['pipe', 'inherit', 'inherit'],
      });
      child.stdin?.end(source);
      assert.deepEqual(await once(child, 'exit'), [7, null]);
    }
  });

  it('gives everything back when a worker thread ends that has closed nothing', {
    skip: hooked,
  }, async () => {
    // The loop itself leaves epolls, one or two, as every thread that is terminated does.
    const kept = (fd: string) => {
      try {
        return !readlinkSync(`/proc/self/fd/${fd}`).includes('eventpoll');
      } catch {
        return false; // that by which they were listed
      }
    };
    const count = () =>
      [readdirSync('/proc/self/fd').filter(kept).length, readdirSync('/proc/self/task').length] as const;
    const source = `
      const { parentPort, workerData } = require('node:worker_threads');
      (async () => {
        ${threadBeginning}
        const { run, sleep } = await import('tulipa');
        const { ZmqContext } = await import('tulipa/adapters/zeromq');
        await run(async () => {
          if (workerData) {
            const context = new ZmqContext();
            const socket = context.socket('push');
            socket.connect('tcp://127.0.0.1:1');
            await socket.send('in vain');
            context.socket('pull').bind('tcp://127.0.0.1:*');
          }
          parentPort.postMessage('ready');
          await sleep(1e9);
        }, { driver: 'epoll' });
      })();
    `;
    /** What is there more while it runs, and when it has ended. */
    const round = async (workerData: boolean) => {
      const [openBefore, threadsBefore] = count();
      const worker = new Worker(source, { eval: true, execArgv: flags, workerData });
      await once(worker, 'message');
      const [, threadsDuring] = count();
      await worker.terminate();
      const [open, threads] = count();
      return {
        during: threadsDuring - threadsBefore,
        open: open - openBefore,
        threads: threads - threadsBefore,
      };
    };
    await round(true);
    const [plain, withZmq] = [await round(false), await round(true)];
    assert.equal(withZmq.during, plain.during + 2);
    assert.deepEqual([withZmq.open, withZmq.threads], [plain.open, plain.threads]);
  });
});
