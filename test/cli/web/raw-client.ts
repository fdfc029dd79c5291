import { connect, type Socket } from 'node:net';

/** What a client that knows no HTTP, and none of our code, sees of a server. */
export interface Conversation {
  /** everything the server sent until the connection ended, a char a byte */
  readonly text: string;
  /** the connection was reset, or broke otherwise */
  readonly isBroken: boolean;
}

/**
 * Connects, lets `talk` do the sending, and listens until the connection has ended.
 *
 * @param talk it may end its side, or leave that to the server
 */
export async function converse(port: number, talk: (socket: Socket) => void): Promise<Conversation> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  let text = '';
  let isBroken = false;
  socket.on('data', (data) => {
    text += data.toString('latin1');
  });
  socket.on('end', () => socket.end());
  socket.on('error', () => {
    isBroken = true;
  });
  socket.on('connect', () => talk(socket));
  await new Promise((resolve) => socket.on('close', resolve));
  return { text, isBroken };
}

/** Sends the bytes and then nothing more, but goes on listening. */
export async function ask(port: number, ...requests: string[]): Promise<Conversation> {
  return await converse(port, (socket) => socket.end(requests.join(''), 'latin1'));
}

/** Sends the bytes and leaves the connection open. */
export async function askAndStay(port: number, ...requests: string[]): Promise<Conversation> {
  return await converse(port, (socket) => void socket.write(requests.join(''), 'latin1'));
}
