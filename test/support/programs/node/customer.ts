/** An ordinary program of Node's: fetch, http.get, a client of a line protocol, timers, files, threads' work, random numbers. */
import { pbkdf2, randomUUID } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import http from 'node:http';
import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

class Client {
  readonly #socket = new Socket();
  readonly #waiting: ((line: string) => void)[] = [];

  constructor(host: string) {
    let text = '';
    this.#socket.setNoDelay(true).setEncoding('utf8').connect(5432, host);
    this.#socket.on('data', (chunk: string) => {
      text += chunk;
      for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n')) {
        this.#waiting.shift()?.(text.slice(0, end));
        text = text.slice(end + 1);
      }
    });
  }

  ask(line: string): Promise<string> {
    this.#socket.write(`${line}\n`);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  end(): void {
    this.#socket.end();
  }
}

const began = Date.now();
console.log(new Date(began).toISOString(), process.uptime() < 1);
await sleep(100);

const posted = await fetch('http://shop:8080/orders', { method: 'POST', body: 'tulips' });
console.log(posted.status, posted.headers.get('date'), await posted.json());

const response = http.get({ host: 'shop', port: 8080, path: '/plain' });
const [message] = (await once(response, 'response')) as [http.IncomingMessage];
console.log(message.statusCode, (await message.setEncoding('utf8').toArray()).join(''));

const client = new Client('shop');
console.log(await Promise.all([client.ask('put two 2'), client.ask('get one'), client.ask('get two')]));
client.end();

await fetch('http://shop:8080/slow', { signal: AbortSignal.timeout(500) }).catch((error: Error) =>
  console.log(error.name),
);

const derived = await promisify(pbkdf2)('secret', 'salt', 1_000, 8, 'sha256');
const packed = await promisify(gzip)(Buffer.alloc(10_000));
const self = await readFile(process.argv[1] as string, 'utf8');
console.log(derived.toString('hex'), packed.length < 100, self.length > 1_000);
console.log((await lookup('shop')).address, randomUUID(), Math.random());

await sleep(3_600_000);
console.log('after', Date.now() - began >= 3_601_000, performance.now() >= 3_601_000);
