/** A `node:http` server to measure, that answers every request with a few words. Arguments: see serve-as-asked.ts. */
import { createServer } from 'node:http';
import { serveAsAsked } from './serve-as-asked.ts';

const body = 'Hello, world!';

const server = createServer((_request, response) => {
  response.setHeader('Content-Type', 'text/plain');
  response.setHeader('Content-Length', body.length);
  response.end(body);
});
await serveAsAsked(server);
