/**
 * An echo client in stream style, with `async` and `await`: sends some lines and prints their echoes one by one.
 *
 * Shows: openConnection, readLine, a time limit for everything together.
 *
 *     node --conditions=source examples/echo-client-streams.ts [PORT] [LINE …]
 *
 * Start examples/echo-server-streams.ts first, or examples/echo-server-protocol.ts.
 */
import { openConnection, run, timeout } from 'tulipa';

await run(async () => {
  const [, , port = '8888', ...words] = process.argv;
  const lines = words.length > 0 ? words : ['Hello,', 'world'];
  await timeout(5000, async () => {
    const { reader, writer } = await openConnection({ host: '127.0.0.1', port: Number(port) });
    try {
      for (const line of lines) {
        await writer.write(`${line}\n`);
        const echo = await reader.readLine();
        console.log(`received: ${new TextDecoder().decode(echo).trimEnd()}`);
      }
    } finally {
      writer.close();
    }
    await writer.waitClosed();
  });
});
