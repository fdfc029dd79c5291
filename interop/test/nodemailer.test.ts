import assert from 'node:assert/strict';
import { createInterface } from 'node:readline';
import nodemailer from 'nodemailer';
import { StreamSocket } from 'tulipa/adapters/node';
import { createServer } from 'tulipa/adapters/node/net';
import { type Served, servedRow } from '../served.ts';

/** What the last server was sent, line by line. */
let mail: string[] = [];

/** As much of RFC 5321 as takes a letter. */
function postOffice(socket: StreamSocket): void {
  let inLetter = false;
  socket.write('220 office ESMTP\r\n');
  createInterface(socket).on('line', (line) => {
    if (inLetter) {
      if (line === '.') {
        inLetter = false;
        socket.write('250 taken\r\n');
      } else mail.push(line);
      return;
    }
    const verb = line.slice(0, 4).toUpperCase();
    if (verb === 'EHLO') socket.write('250-office\r\n250 AUTH PLAIN\r\n');
    else if (verb === 'AUTH') {
      const [, , secret = ''] = line.split(' ');
      const known = Buffer.from(secret, 'base64').toString() === '\0me\0secret';
      socket.write(known ? '235 welcome\r\n' : '535 who?\r\n');
    } else if (verb === 'DATA') {
      inLetter = true;
      mail = [];
      socket.write('354 go on\r\n');
    } else if (verb === 'QUIT') socket.end('221 bye\r\n');
    else socket.write('250 yes\r\n');
  });
}

/** What a user writes. */
const getSocket = (
  { host, port }: { host?: string; port?: number },
  callback: (error: Error | null, socket?: { connection: unknown }) => void,
) => {
  const connection = StreamSocket.connect({ host, port: Number(port) });
  connection.once('error', callback);
  connection.once('connect', () => {
    connection.off('error', callback);
    callback(null, { connection });
  });
};

function transport({ host, port }: Pick<Served, 'host' | 'port'>, pass = 'secret') {
  return nodemailer.createTransport({
    ...{ host, port, secure: false, ignoreTLS: true, auth: { user: 'me', pass } },
    getSocket: getSocket as never,
  });
}

servedRow('nodemailer', {}, (it) => {
  it('sends a letter, and tells that it is not known, or that nobody listens', {
    async serve(place) {
      const server = createServer(postOffice);
      await new Promise<void>((resolve) => server.listen(place, resolve));
      return server;
    },
    async use(at) {
      const letter = { from: 'me@here', to: 'you@there', subject: 'hello', text: 'x'.repeat(10_000) };
      const { accepted, response } = await transport(at).sendMail(letter);
      assert.deepEqual([accepted, response], [['you@there'], '250 taken']);
      assert.ok(mail.includes('Subject: hello'));
      await assert.rejects(transport(at, 'wrong').sendMail(letter), { code: 'EAUTH', responseCode: 535 });
      await assert.rejects(transport({ ...at, port: 1 }).sendMail(letter), /ECONNREFUSED/);
    },
  });
});
