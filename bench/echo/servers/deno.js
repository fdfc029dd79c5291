// An echo server on Deno's sockets: `deno run --allow-net deno.js`. Prints its port, and ends when its standard input does.
const bufferBytes = 64 * 1024;

async function echo(connection) {
  connection.setNoDelay(true);
  const buffer = new Uint8Array(bufferBytes);
  try {
    for (;;) {
      const count = await connection.read(buffer);
      if (count === null) break;
      for (let sent = 0; sent < count; ) sent += await connection.write(buffer.subarray(sent, count));
    }
  } catch {
    // The client is gone.
  }
  connection.close();
}

async function serve() {
  const listener = Deno.listen({ hostname: '127.0.0.1', port: 0 });
  console.log(listener.addr.port);
  for await (const connection of listener) void echo(connection);
}

async function endWithStdin() {
  const buffer = new Uint8Array(1);
  while ((await Deno.stdin.read(buffer)) !== null);
  Deno.exit();
}

await Promise.all([serve(), endWithStdin()]);
