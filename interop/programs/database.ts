/**
 * An ordinary program of Node's: a table of orders, for clients of PostgreSQL. It speaks version 3 of the protocol, and knows
 * two statements. Told to be `careless`, it takes an order as often as it comes.
 */
import net from 'node:net';

const careless = process.argv.includes('careless');
const orders: { id: string; flower: string }[] = [];

interface Result {
  columns: string[];
  rows: string[][];
  tag: string;
}

function execute(statement: string, [id = '', flower = '']: string[]): Result {
  if (statement.startsWith('INSERT INTO orders')) {
    const isNew = careless || orders.every((order) => order.id !== id);
    if (isNew) orders.push({ id, flower });
    return { columns: [], rows: [], tag: `INSERT 0 ${Number(isNew)}` };
  }
  if (statement.startsWith('SELECT id, flower FROM orders')) {
    const rows = orders.map((order) => [order.id, order.flower]);
    return { columns: ['id', 'flower'], rows, tag: `SELECT ${rows.length}` };
  }
  throw new Error(`syntax error at or near "${statement.split(' ', 1)[0]}"`);
}

const int32 = (n: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(n);
  return bytes;
};
const int16 = (n: number) => int32(n).subarray(2);
const text = (words: string) => Buffer.from(`${words}\0`);

function message(kind: string, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from(kind), int32(body.length + 4), body]);
}

const textType = 25;
const ready = message('Z', Buffer.from('I'));

const described = ({ columns }: Result) =>
  columns.length === 0
    ? message('n')
    : message(
        'T',
        int16(columns.length),
        ...columns.flatMap((name) => [
          ...[text(name), int32(0), int16(0), int32(textType), int16(-1), int32(-1), int16(0)],
        ]),
      );

const answered = ({ rows, tag }: Result) =>
  Buffer.concat([
    ...rows.map((row) =>
      message(
        'D',
        int16(row.length),
        ...row.flatMap((value) => [int32(Buffer.byteLength(value)), Buffer.from(value)]),
      ),
    ),
    message('C', text(tag)),
  ]);

const failed = (error: unknown) =>
  message('E', text('SERROR'), text('C42601'), text(`M${(error as Error).message}`), Buffer.alloc(1));

class Session {
  readonly #socket: net.Socket;
  #waiting: Buffer = Buffer.alloc(0);
  #started = false;
  #statement = '';
  #parameters: string[] = [];

  constructor(socket: net.Socket) {
    this.#socket = socket;
    socket.on('error', (error) => console.log('lost a client:', error.message));
    socket.on('data', (data: Buffer) => this.#take(data));
  }

  #take(data: Buffer): void {
    this.#waiting = Buffer.concat([this.#waiting, data]);
    for (;;) {
      const at = this.#started ? 1 : 0;
      if (this.#waiting.length < at + 4) return;
      const end = at + this.#waiting.readInt32BE(at);
      if (this.#waiting.length < end) return;
      const kind = this.#started ? String.fromCharCode(this.#waiting[0] as number) : 'startup';
      const body = this.#waiting.subarray(at + 4, end);
      this.#waiting = this.#waiting.subarray(end);
      try {
        this.#handle(kind, body);
      } catch (error) {
        this.#socket.write(failed(error));
      }
    }
  }

  #handle(kind: string, body: Buffer): void {
    const socket = this.#socket;
    if (kind === 'startup') {
      this.#started = true;
      socket.write(message('R', int32(0)));
      socket.write(message('S', text('server_version'), text('15.0')));
      socket.write(message('K', int32(1), int32(2)));
      socket.write(ready);
    } else if (kind === 'P') {
      const name = body.indexOf(0) + 1;
      this.#statement = body.toString('utf8', name, body.indexOf(0, name));
      socket.write(message('1'));
    } else if (kind === 'B') {
      this.#parameters = parametersOf(body);
      socket.write(message('2'));
    } else if (kind === 'D') {
      const columns = this.#statement.startsWith('SELECT') ? ['id', 'flower'] : [];
      socket.write(described({ columns, rows: [], tag: '' }));
    } else if (kind === 'E') {
      socket.write(answered(execute(this.#statement, this.#parameters)));
    } else if (kind === 'Q') {
      const result = execute(body.toString('utf8', 0, body.length - 1), []);
      socket.write(Buffer.concat([described(result), answered(result), ready]));
    } else if (kind === 'S') {
      socket.write(ready);
    } else if (kind === 'X') {
      socket.end();
    }
  }
}

/** Of a message to bind, all in text. */
function parametersOf(body: Buffer): string[] {
  // Behind the names of the portal and of the statement.
  let at = body.indexOf(0, body.indexOf(0) + 1) + 1;
  at += 2 + 2 * body.readInt16BE(at);
  const count = body.readInt16BE(at);
  at += 2;
  const parameters: string[] = [];
  while (parameters.length < count) {
    const end = at + 4 + body.readInt32BE(at);
    parameters.push(body.toString('utf8', at + 4, end));
    at = end;
  }
  return parameters;
}

net.createServer((socket) => void new Session(socket)).listen(5432, () => console.log('is ready'));
