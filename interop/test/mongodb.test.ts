import assert from 'node:assert/strict';
import net from 'node:net';
import { BSON, type Document, MongoClient } from 'mongodb';
import { type Served, servedRow } from '../served.ts';

// Debian has no MongoDB. The server is as much of one as the client asks for: its wire protocol, and some commands on
// collections in memory.

const opReply = 1;
const opQuery = 2004;
const opMsg = 2013;
const headerBytes = 16;

interface Store {
  readonly collections: Map<string, Document[]>;
  /** what is left of the answers to `find` */
  readonly cursors: Map<number, Document[]>;
}

const hello = {
  isWritablePrimary: true,
  helloOk: true,
  maxBsonObjectSize: 16_777_216,
  maxMessageSizeBytes: 48_000_000,
  maxWriteBatchSize: 100_000,
  logicalSessionTimeoutMinutes: 30,
  minWireVersion: 0,
  maxWireVersion: 25,
  readOnly: false,
};

function answer({ collections, cursors }: Store, command: Document): Document {
  const [verb = ''] = Object.keys(command);
  const name = String(command[verb]);
  const documents = collections.get(name) ?? [];
  const batch = (id: number, rest: Document[], key: string) => {
    const size = command['batchSize'] ?? 101;
    const more = rest.length > size ? id : 0;
    if (more === 0) cursors.delete(id);
    else cursors.set(id, rest.slice(size));
    const cursor = { id: BSON.Long.fromNumber(more), ns: `shop.${name}`, [key]: rest.slice(0, size) };
    return { ok: 1, cursor };
  };
  switch (verb) {
    case 'hello':
    case 'ismaster':
      return { ok: 1, ...hello };
    case 'ping':
    case 'endSessions':
      return { ok: 1 };
    case 'insert':
      collections.set(name, [...documents, ...command['documents']]);
      return { ok: 1, n: command['documents'].length };
    case 'find': {
      const wanted = Object.entries(command['filter'] as Document);
      const found = documents.filter((document) => wanted.every(([key, value]) => document[key] === value));
      return batch(cursors.size + 1, found, 'firstBatch');
    }
    case 'getMore': {
      const id = Number(command['getMore']);
      return batch(id, cursors.get(id) ?? [], 'nextBatch');
    }
    default:
      return { ok: 0, code: 59, codeName: 'CommandNotFound', errmsg: `no such command: '${verb}'` };
  }
}

/** The command of an OP_MSG: its document, and the sequences of documents beside it. */
function readMessage(message: Buffer): Document {
  const command: Document = {};
  for (let at = headerBytes + 4; at < message.length; ) {
    const isSequence = message[at++] === 1;
    const end = at + message.readInt32LE(at);
    if (!isSequence) {
      const { ...fields } = BSON.deserialize(message.subarray(at, end));
      // The verb is its first field.
      for (const [key, value] of Object.entries(fields)) command[key] = value;
    } else {
      const nameEnd = message.indexOf(0, at + 4);
      const documents: Document[] = [];
      for (let next = nameEnd + 1; next < end; next += message.readInt32LE(next)) {
        documents.push(BSON.deserialize(message.subarray(next, next + message.readInt32LE(next))));
      }
      command[message.toString('utf8', at + 4, nameEnd)] = documents;
    }
    at = end;
  }
  return command;
}

function reply(store: Store, message: Buffer): Buffer {
  const isQuery = message.readInt32LE(12) === opQuery;
  // An old query has the name of a collection and two numbers before its document.
  const command = isQuery
    ? BSON.deserialize(message.subarray(message.indexOf(0, headerBytes + 4) + 9))
    : readMessage(message);
  const body = BSON.serialize(answer(store, command));
  const prefix = Buffer.alloc(isQuery ? 20 : 5);
  if (isQuery) prefix.writeInt32LE(1, 16);
  const header = Buffer.alloc(headerBytes);
  header.writeInt32LE(headerBytes + prefix.length + body.length, 0);
  header.writeInt32LE(message.readInt32LE(4), 8);
  header.writeInt32LE(isQuery ? opReply : opMsg, 12);
  return Buffer.concat([header, prefix, body]);
}

/** @param dropsAfter messages, after which it ends the connection once; never, unless given */
function database(dropsAfter = Infinity): net.Server {
  const store: Store = { collections: new Map(), cursors: new Map() };
  let left = dropsAfter;
  return net.createServer((socket) => {
    let waiting: Buffer = Buffer.alloc(0);
    socket.on('error', () => {});
    socket.on('data', (data: Buffer) => {
      waiting = Buffer.concat([waiting, data]);
      while (waiting.length >= headerBytes && waiting.length >= waiting.readInt32LE(0)) {
        const message = waiting.subarray(0, waiting.readInt32LE(0));
        waiting = waiting.subarray(message.length);
        const isInsert = message.includes('insert');
        if (isInsert && --left === 0) socket.destroy();
        else socket.write(reply(store, message));
      }
    });
  });
}

async function listening(server: net.Server, place: net.ListenOptions): Promise<net.Server> {
  await new Promise<void>((resolve) => server.listen(place, resolve));
  return server;
}

const connect = ({ authority }: Served) =>
  new MongoClient(`mongodb://${authority}/?directConnection=true`, { serverSelectionTimeoutMS: 2_000 });

const without = {
  simulation: 'it looks for files of a container by a thread; in programs of tulipa simulate it may',
};

servedRow('mongodb', { net: true, without }, (it) => {
  it('inserts, finds in batches, and tells of what the server refuses', {
    serve: (place) => listening(database(), place),
    async use(at) {
      const client = connect(at);
      const flowers = client
        .db('shop')
        .collection<{ name: string; colour: string; petals: Buffer | BSON.Binary }>('flowers');
      const petals = Buffer.alloc(10_000, 'p');
      const added = await flowers.insertMany(
        Array.from({ length: 500 }, (_, i) => ({
          name: `tulip ${i}`,
          colour: i % 2 ? 'red' : 'white',
          petals,
        })),
      );
      assert.equal(added.insertedCount, 500);
      const names: string[] = [];
      for await (const { name } of flowers.find({ colour: 'red' }, { batchSize: 40 })) names.push(name);
      assert.deepEqual([names.length, names[0], names.at(-1)], [250, 'tulip 1', 'tulip 499']);
      const one = await flowers.findOne({ name: 'tulip 7' });
      assert.deepEqual(new BSON.Binary(petals), one?.petals);
      await assert.rejects(flowers.drop(), { codeName: 'CommandNotFound' });
      assert.deepEqual(await client.db('shop').command({ ping: 1 }), { ok: 1 });
      await client.close();
    },
  });

  it('tries again when the server ends the connection in the middle, and tells that nobody listens', {
    serve: (place) => listening(database(2), place),
    async use(at) {
      const client = connect(at);
      const seeds = client.db('shop').collection<{ n: number }>('seeds');
      await seeds.insertOne({ n: 1 });
      await assert.rejects(seeds.insertOne({ n: 2 }), { name: 'MongoNetworkError' });
      await seeds.insertOne({ n: 3 });
      assert.deepEqual(
        (await seeds.find().toArray()).map(({ n }) => n),
        [1, 3],
      );
      await client.close();
      const nobody = new MongoClient('mongodb://127.0.0.1:1/?directConnection=true', {
        serverSelectionTimeoutMS: 20,
      });
      await assert.rejects(nobody.connect(), /ECONNREFUSED/);
      await nobody.close();
    },
  });
});
