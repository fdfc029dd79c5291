import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { refuseReusePort } from '../src/drivers/node/reuse-port.ts';
import { RunningProgram } from './cli/running-program.ts';
import { realKinds } from './contract/kinds.ts';
import { repositoryRoot } from './support/run-program.ts';

/** Starts a program on the loop that is tried. */
type Start = (file: string, args?: readonly string[]) => RunningProgram;
type Trial = (start: Start) => Promise<void>;

/** How each example is tried. A new file in examples/ without an entry here fails the suite. */
const trials: Readonly<Record<string, Trial>> = {
  'echo-server-protocol.ts': tryEchoServer('examples/echo-server-protocol.ts'),
  'echo-server-streams.ts': tryEchoServer('examples/echo-server-streams.ts'),
  'echo-workers.ts': tryEchoServer('examples/echo-workers.ts'),

  'echo-client-protocol.ts': async (start) => {
    for (const server of ['examples/echo-server-protocol.ts', 'examples/echo-server-streams.ts']) {
      const { port, program } = await startServer(start, server);
      const client = start('examples/echo-client-protocol.ts', [String(port), 'Grüße']);
      assert.deepEqual(await client.end(), { code: 0, stdout: 'received: Grüße\n', stderr: '' });
      await stop(program, 'SIGINT');
    }
  },

  'echo-client-streams.ts': async (start) => {
    for (const server of ['examples/echo-server-protocol.ts', 'examples/echo-server-streams.ts']) {
      const { port, program } = await startServer(start, server);
      const client = start('examples/echo-client-streams.ts', [String(port), 'one', 'two']);
      assert.deepEqual(await client.end(), { code: 0, stdout: 'received: one\nreceived: two\n', stderr: '' });
      await stop(program, 'SIGTERM');
    }
  },

  'chat-server.ts': async (start) => {
    const { port, program } = await startServer(start, 'examples/chat-server.ts');
    const anna = await Guest.enter(port, 'Anna');
    const bert = await Guest.enter(port, 'Bert');
    await anna.hears('* Bert has come\n');
    bert.say('Hello');
    await anna.hears('Bert: Hello\n');
    anna.say('Well met');
    await bert.hears('Anna: Well met\n');
    // A guest who never ends a line is shown out; the others stay.
    const carl = await Guest.enter(port, 'Carl');
    await anna.hears('* Carl has come\n');
    carl.say('x'.repeat(10_000), '');
    await anna.hears('* Carl has gone\n');
    bert.leave();
    await anna.hears('* Bert has gone\n');
    assert.ok(!anna.heard.includes('Anna:'), 'nobody hears himself');
    await stop(program, 'SIGINT');
  },

  'port-proxy.ts': async (start) => {
    const echo = await startServer(start, 'examples/echo-server-protocol.ts');
    const proxy = await startServer(start, 'examples/port-proxy.ts', '0', `127.0.0.1:${echo.port}`);
    await assertEchoes(proxy.port);
    await stop(echo.program, 'SIGTERM');
    // Without a target the proxy ends the connection, and lives.
    const refused = connect(proxy.port, '127.0.0.1').on('error', () => {});
    await new Promise((resolve) => refused.on('close', resolve));
    await proxy.program.says(/ECONNREFUSED/);
    await stop(proxy.program, 'SIGTERM', /ECONNREFUSED/);
  },

  'web-server.ts': async (start) => {
    const { port, program } = await startServer(start, 'examples/web-server.ts');
    const get = async (path: string) => await fetch(`http://127.0.0.1:${port}${path}`);
    const slow = get('/slow');
    const home = await get('/');
    assert.deepEqual([home.status, (await home.text()).includes('href="/slow"')], [200, true]);
    assert.equal((await get('/nothing')).status, 404);
    assert.match(await askRaw(port, 'nonsense\r\n\r\n'), /^HTTP\/1\.1 400 /);
    assert.equal(await askRaw(port, 'x'.repeat(100_000)), '');
    assert.equal((await slow).status, 200);
    await stop(program, 'SIGINT', /Cannot read/);
  },

  'udp-echo.ts': async (start) => {
    const { port, program } = await startServer(start, 'examples/udp-echo.ts', 'server', '0');
    const client = start('examples/udp-echo.ts', ['client', String(port), 'one', 'Grüße']);
    assert.deepEqual(await client.end(), { code: 0, stdout: 'received: one\nreceived: Grüße\n', stderr: '' });
    await stop(program, 'SIGINT');
    // Where nobody listens any more, the client is told.
    const refused = await start('examples/udp-echo.ts', ['client', String(port)]).end();
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /Cannot reach 127\.0\.0\.1:\d+: connection refused/);
  },

  'crawler.ts': async (start) => {
    const alone = await start('examples/crawler.ts').end();
    assert.deepEqual([alone.code, alone.stderr], [0, '']);
    const lines = alone.stdout.trimEnd().split('\n');
    assert.equal(lines.filter((line) => line.startsWith('200 ')).length, 40);
    assert.equal(lines.at(-1), `${lines.length - 1} pages`);

    const { port, program } = await startServer(start, 'examples/web-server.ts');
    const url = `http://127.0.0.1:${port}/`;
    const { code, stdout } = await start('examples/crawler.ts', [url, '2']).end();
    assert.deepEqual([code, stdout], [0, `200 ${url}\n200 ${url}slow\n2 pages\n`]);
    await stop(program, 'SIGINT');
  },
};

describe('examples', () => {
  const files = readdirSync(join(repositoryRoot, 'examples')).filter((name) => name.endsWith('.ts'));

  it('are all tried here', () => {
    assert.deepEqual(files.sort(), Object.keys(trials).sort());
  });

  for (const kind of realKinds) {
    const { driver, runner } = kind;
    for (const [name, trial] of Object.entries(trials)) {
      const skip = name === 'echo-workers.ts' && driver === 'node' && noReusePort();
      it(`${name} does what it says on the ${kind} loop`, { timeout: 60_000, skip }, (test) =>
        trial(
          (file, args) =>
            new RunningProgram(test, file, args, { env: { TULIPA_LOOP: driver, TULIPA_RUNNER: runner } }),
        ),
      );
    }
  }
});

/** Why Node's own servers cannot share a port; false: they can. */
function noReusePort(): string | false {
  try {
    refuseReusePort();
    return false;
  } catch (error) {
    return (error as Error).message;
  }
}

interface StartedServer {
  readonly program: RunningProgram;
  readonly port: number;
}

async function startServer(start: Start, file: string, ...args: string[]): Promise<StartedServer> {
  const program = start(file, args.length > 0 ? args : ['0']);
  const [, port] = await program.says(/^listening on 127\.0\.0\.1:(\d+)\n/m);
  return { program, port: Number(port) };
}

/** A server that is asked to stop ends well, and has complained of nothing but what is expected. */
async function stop(program: RunningProgram, signal: NodeJS.Signals, complaint = /^$/): Promise<void> {
  program.kill(signal);
  const { code, stderr } = await program.end();
  assert.equal(code, 0, stderr);
  assert.match(stderr, complaint);
}

function tryEchoServer(file: string) {
  return async (start: Start) => {
    const { port, program } = await startServer(start, file);
    await Promise.all([assertEchoes(port), assertEchoes(port), assertEchoes(port)]);
    await stop(program, 'SIGINT');
    // With a client that is still there, too.
    const second = await startServer(start, file);
    const client = connect(second.port, '127.0.0.1').on('error', () => {});
    await once(client, 'connect');
    await stop(second.program, 'SIGTERM');
    client.destroy();
  };
}

/** A megabyte, which no buffer holds at once, comes back as it was sent. */
async function assertEchoes(port: number): Promise<void> {
  const sent = Buffer.alloc(1024 * 1024, 'there and back again ');
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  socket.end(sent);
  const received: Buffer[] = [];
  for await (const data of socket) received.push(data as Buffer);
  assert.ok(Buffer.concat(received).equals(sent));
}

async function askRaw(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1').on('error', () => {});
  socket.write(text);
  let answer = '';
  socket.on('data', (data) => {
    answer += data.toString();
  });
  await new Promise((resolve) => socket.on('close', resolve));
  return answer;
}

class Guest {
  heard = '';
  readonly #socket: Socket;
  #changed = () => {};

  constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1').on('error', () => {});
    this.#socket.on('data', (data) => {
      this.heard += data.toString();
      this.#changed();
    });
  }

  static async enter(port: number, name: string): Promise<Guest> {
    const guest = new Guest(port);
    await guest.hears('Your name?\n');
    guest.say(name);
    return guest;
  }

  say(text: string, end = '\n'): void {
    this.#socket.write(text + end);
  }

  leave(): void {
    this.#socket.end();
  }

  async hears(text: string): Promise<void> {
    while (!this.heard.includes(text)) {
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }
}
