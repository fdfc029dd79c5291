/** An ordinary program of Node's: orders by `fetch`, again and again until it is told that the order was taken. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

async function ask(path: string, options: RequestInit = {}): Promise<unknown> {
  for (let tries = 1; ; tries++) {
    try {
      const response = await fetch(`http://shop:8080${path}`, {
        ...options,
        signal: AbortSignal.timeout(3_000),
      });
      const body: unknown = await response.json();
      if (response.ok) return body;
      console.log(path, response.status);
    } catch (error) {
      const { name, cause } = error as Error;
      console.log(path, name, (cause as NodeJS.ErrnoException | undefined)?.code ?? '');
    }
    await sleep(Math.random() * 1_000 * Math.min(tries, 5));
  }
}

const flowers = ['tulip', 'rose', 'lily', 'iris', 'daisy', 'poppy'];
const ids = await Promise.all(
  flowers.map(async (flower, i) => {
    await sleep(i * 3_000);
    const id = randomUUID();
    const headers = { 'content-type': 'application/json' };
    await ask('/orders', { method: 'POST', headers, body: JSON.stringify({ id, flower }) });
    console.log('ordered', flower, id);
    return id;
  }),
);
const taken = (await ask('/orders')) as { id: string; flower: string }[];
assert.deepEqual(taken.map(({ id }) => id).sort(), ids.sort(), 'An order was lost, or taken twice');
console.log('has ordered', taken.length, 'in', Math.round(performance.now() / 1_000), 's');
