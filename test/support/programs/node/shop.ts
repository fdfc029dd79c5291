/** An ordinary program of Node's, which knows of no simulation: a web server, and a line protocol beside it. */
import { createServer } from 'node:http';
import net from 'node:net';
import { hostname } from 'node:os';

let answers = 0;
const server = createServer(async (request, response) => {
  let body = '';
  for await (const chunk of request.setEncoding('utf8')) body += chunk;
  setTimeout(() => {
    answers++;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ url: request.url, body, answers, host: hostname() }));
  }, 1_000);
});
server.listen(8080, () =>
  console.log('listens on', (server.address() as net.AddressInfo).port, ...process.argv.slice(2)),
);

const rows = new Map([['one', '1']]);
const database = net.createServer((socket) => {
  let text = '';
  socket.setEncoding('utf8').on('data', (chunk) => {
    text += chunk;
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n')) {
      const [verb = '', key = '', value = ''] = text.slice(0, end).split(' ');
      text = text.slice(end + 1);
      if (verb === 'put') rows.set(key, value);
      socket.write(`${verb === 'get' ? (rows.get(key) ?? '-') : 'ok'}\n`);
    }
  });
});
database.listen(5432);

process.on('SIGTERM', (signal, number) => {
  console.log('stops by', signal, number);
  server.close();
  server.closeAllConnections();
  database.close();
});
