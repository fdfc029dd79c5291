import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { ZmqContext } from 'tulipa/adapters/zeromq';

const program = fileURLToPath(new URL('zmq-peer.py', import.meta.url));

/** Debian's Python first: it has what Debian's packages bring. */
const pythons = ['/usr/bin/python3', 'python3'];

type Hex = readonly string[];

/** What it is told, one at a time: see `zmq-peer.py`. */
export class ZmqPeer {
  readonly #control: ReturnType<typeof open>;
  static #names = 0;

  constructor(context: ZmqContext, endpoint: string) {
    this.#control = open(context, endpoint);
  }

  async socket(kind: string, options: Record<string, string | number> = {}): Promise<PeerSocket> {
    const name = `${kind}${ZmqPeer.#names++}`;
    await this.tell({ do: 'open', socket: name, kind, options });
    return new PeerSocket(this, name);
  }

  async tell(command: object): Promise<unknown> {
    await this.#control.send(JSON.stringify(command));
    const [answer] = await this.#control.receive();
    const { value, error } = JSON.parse(new TextDecoder().decode(answer)) as {
      value: unknown;
      error?: string;
    };
    if (error !== undefined) throw new Error(`the peer says: ${error}`);
    return value;
  }
}

function open(context: ZmqContext, endpoint: string) {
  const control = context.socket('req', { linger: 0 });
  control.connect(endpoint);
  return control;
}

export class PeerSocket {
  readonly #peer: ZmqPeer;
  readonly #name: string;

  constructor(peer: ZmqPeer, name: string) {
    this.#peer = peer;
    this.#name = name;
  }

  async bind(endpoint = 'tcp://127.0.0.1:*'): Promise<string> {
    return (await this.#tell('bind', { endpoint })) as string;
  }

  connect(endpoint: string): Promise<unknown> {
    return this.#tell('connect', { endpoint });
  }

  subscribe(prefix: string): Promise<unknown> {
    return this.#tell('subscribe', { prefix });
  }

  send(...messages: (readonly (string | Uint8Array)[])[]): Promise<unknown> {
    return this.#tell('send', { messages: messages.map((parts) => parts.map(hex)) });
  }

  async receive(count = 1): Promise<Buffer[][]> {
    const messages = (await this.#tell('receive', { count })) as Hex[];
    return messages.map((parts) => parts.map((part) => Buffer.from(part, 'hex')));
  }

  echo(count: number): Promise<unknown> {
    return this.#tell('echo', { count });
  }

  close(): Promise<unknown> {
    return this.#tell('close', {});
  }

  #tell(what: string, more: object): Promise<unknown> {
    return this.#peer.tell({ do: what, socket: this.#name, ...more });
  }
}

function hex(part: string | Uint8Array): string {
  return Buffer.from(part).toString('hex');
}

/**
 * Starts one, which ends with the tests.
 *
 * @returns where it is told what to do; null: there is no pyzmq here, which on a machine of CI is an error
 */
export async function startZmqPeer(): Promise<string | null> {
  const python = pythons.find((name) => has(name));
  if (python === undefined) {
    if (process.env['CI'] !== undefined) throw new Error('Cannot start a peer: pyzmq is not installed');
    return null;
  }
  const child: ChildProcess = spawn(python, [program], { stdio: ['pipe', 'pipe', 'inherit'] });
  after(() => void child.kill('SIGKILL'));
  const [line] = (await once(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
  // What is not waited for is not to keep the tests.
  child.unref();
  (child.stdin as unknown as { unref(): void }).unref();
  (child.stdout as unknown as { unref(): void }).unref();
  return line.toString().trim();
}

function has(python: string): boolean {
  if (python.startsWith('/') && !existsSync(python)) return false;
  return spawnSync(python, ['-c', 'import zmq'], { stdio: 'ignore' }).status === 0;
}
