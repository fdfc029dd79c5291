/** An ordinary program of Node's with a race: between reading a number and writing it, somebody else may do the same. */
async function increment(): Promise<void> {
  const count = Number(await (await fetch('http://counter/')).text());
  await fetch('http://counter/', { method: 'PUT', body: String(count + 1) });
}

async function later(milliseconds: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
  await increment();
}

await Promise.all([increment(), later(10)]);
const count = await (await fetch('http://counter/')).text();
if (count !== '2') throw new Error(`An increment was lost: ${count} of 2`);
console.log('counted');
