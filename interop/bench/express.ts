/**
 * Question: what does a request to Express cost on our loop, beside Node's own sockets?
 *
 *     node --conditions=source --import ./interop/resolve.ts interop/bench/express.ts [rounds]
 *
 * Hello world as Express has it from the start, in a process of its own, on keep-alive connections. Server and client share a
 * core; CPU time is the server's.
 */
import { fileURLToPath } from 'node:url';
import { measureHttp } from '../../bench/http/measure-http.ts';
import { describeMachine, formatAnswer, formatHead } from '../../bench/report.ts';

const [rounds = '7'] = process.argv.slice(2);
const server = fileURLToPath(new URL('express-server.ts', import.meta.url));
// As Express is told in production.
process.env['NODE_ENV'] = 'production';

const answer = await measureHttp({ quick: false, settings: { rounds } }, server, process.execArgv);
const question = 'What does a request to Express cost?';
console.log(formatHead(describeMachine()));
console.log(formatAnswer({ name: 'express', question, notes: [], ...answer }, 'markdown'));
