/** An ordinary program of Node's that keeps a number. */
import { createServer } from 'node:http';

let count = 0;
createServer(async (request, response) => {
  let body = '';
  for await (const chunk of request.setEncoding('utf8')) body += chunk;
  if (request.method === 'PUT') count = Number(body);
  response.end(String(count));
}).listen(80);
