import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, SocketAddress as NodeAddress, type Server, type Socket } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { SocketAddress } from '../../src/interface/index.ts';
import {
  addressBytesMax,
  checked,
  closeDescriptor,
  constants,
  decodeAddress,
  encodeAddress,
  familyNumber,
  isDarwin,
  libc,
  localAddressOf,
  openSocket,
  remoteAddressOf,
} from '../../src/syscalls/index.ts';
import { propertyRuns } from '../support/property-runs.ts';

const loopback = Object.entries(networkInterfaces()).find(([, all]) => all?.some((one) => one.internal))?.[0];

function roundTrip(address: SocketAddress): SocketAddress | null {
  const bytes = encodeAddress(address);
  assert.ok(bytes.length <= addressBytesMax);
  return decodeAddress(bytes, bytes.length);
}

const port = fc.integer({ min: 0, max: 65_535 });

describe('addresses as the kernel takes them', () => {
  it('come back as they were given: IPv4', () => {
    fc.assert(
      fc.property(fc.ipV4(), port, (host, port) => {
        assert.deepEqual(roundTrip({ host, port, family: 4 }), { host, port, family: 4 });
      }),
      propertyRuns(500),
    );
  });

  it('come back as Node writes them: IPv6, however it was written', () => {
    const groups = fc.array(
      fc.oneof(fc.constant(0), fc.constant(0xffff), fc.integer({ min: 0, max: 0xffff })),
      {
        minLength: 8,
        maxLength: 8,
      },
    );
    const written = groups.map((groups) => groups.map((group) => group.toString(16)).join(':'));
    fc.assert(
      fc.property(fc.oneof(fc.ipV6(), written), port, (host, port) => {
        const back = roundTrip({ host, port, family: 6 });
        const { address } = new NodeAddress({ address: host, port, family: 'ipv6' });
        assert.deepEqual(back, { host: address, port, family: 6 });
        // Its own text is as good as the one it was given.
        assert.deepEqual(roundTrip(back as SocketAddress), back);
      }),
      propertyRuns(1_000),
    );
  });

  it('are the bytes that RFC 4291 says', () => {
    const bytesOf = (host: string) => [...encodeAddress({ host, port: 0x1234, family: 6 })];
    assert.deepEqual(
      bytesOf('2001:db8::ff00:42:8329').slice(8, 24),
      [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0xff, 0, 0, 0x42, 0x83, 0x29],
    );
    assert.deepEqual(bytesOf('::ffff:1.2.3.4').slice(16), [0, 0, 0xff, 0xff, 1, 2, 3, 4, 0, 0, 0, 0]);
    assert.deepEqual(bytesOf('::').slice(2, 4), [0x12, 0x34]);
    assert.deepEqual(
      [...encodeAddress({ host: '1.2.3.4', port: 80, family: 4 })].slice(2),
      [0, 80, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0],
    );
  });

  it('keep their scope, by name or by number', () => {
    assert.ok(loopback !== undefined);
    const named = { host: `fe80::1%${loopback}`, port: 1, family: 6 } as const;
    assert.deepEqual(roundTrip(named), named);
    const index = new DataView(encodeAddress(named).buffer).getUint32(24, true);
    assert.ok(index > 0);
    assert.deepEqual(roundTrip({ ...named, host: `fe80::1%${index}` }), named);
    // An interface that is not there has a number all the same, which nobody can name.
    assert.deepEqual(roundTrip({ ...named, host: 'fe80::1%99999' }), { ...named, host: 'fe80::1%99999' });
    assert.deepEqual(roundTrip({ ...named, host: 'fe80::1%no-such-thing' }), { ...named, host: 'fe80::1' });
  });

  it('that are none of their family are refused', () => {
    for (const host of ['', '1.2.3', '1.2.3.4.5', '256.1.1.1', '1.2.3.04', '::1', 'localhost', ' 1.2.3.4']) {
      assert.throws(() => encodeAddress({ host, port: 1, family: 4 }), RangeError, host);
    }
    for (const host of ['', ':', ':::', '1:2', '1::2::3', '1:2:3:4:5:6:7:8:9', '::g', '127.0.0.1', '[::1]']) {
      assert.throws(() => encodeAddress({ host, port: 1, family: 6 }), RangeError, host);
    }
  });

  it('are null where the kernel wrote none, or one of a kind that we do not know', () => {
    const bytes = encodeAddress({ host: '127.0.0.1', port: 1, family: 4 });
    assert.equal(decodeAddress(bytes, 0), null);
    const unknown = new Uint8Array(new ArrayBuffer(16));
    unknown.set(isDarwin ? [16, 250] : [250, 0]);
    assert.equal(decodeAddress(unknown, 16), null);
  });

  it('are read from any place in a buffer, up to the length that the kernel told', () => {
    const bytes = encodeAddress({ path: '/tmp/a' });
    const larger = new Uint8Array(new ArrayBuffer(256)).fill(0x78);
    larger.set(bytes, 3);
    assert.deepEqual(decodeAddress(larger.subarray(3), bytes.length), { path: '/tmp/a' });
    // No NUL within the length: the kernel does not add one to a path that fills all there is.
    assert.deepEqual(decodeAddress(larger.subarray(3), bytes.length - 1), { path: '/tmp/a' });
  });
});

describe('addresses of Unix sockets', () => {
  it('come back as they were given, in any language', () => {
    const path = fc
      .string({ unit: 'binary', minLength: 1, maxLength: 25 })
      .filter((text) => !text.includes('\0'));
    fc.assert(
      fc.property(path, (path) => {
        assert.deepEqual(roundTrip({ path }), { path });
        if (!isDarwin) assert.deepEqual(roundTrip({ path: `\0${path}` }), { path: `\0${path}` });
      }),
      propertyRuns(100),
    );
    assert.deepEqual(roundTrip({ path: '' }), { path: '' });
  });

  it('fit up to the last byte, and not beyond', () => {
    const max = constants.UNIX_PATH_BYTES;
    for (const [fits, tooLong] of [
      ['x'.repeat(max - 1), 'x'.repeat(max)],
      [`\0${'x'.repeat(max - 1)}`, `\0${'x'.repeat(max)}`],
      [`${'é'.repeat((max - 2) / 2)}x`, 'é'.repeat(max / 2)],
    ] as const) {
      assert.deepEqual(roundTrip({ path: fits }), { path: fits });
      assert.throws(() => encodeAddress({ path: tooLong }), /Cannot use the path [@xé]/);
    }
  });

  it('with a NUL inside are refused: the kernel would take what is before it', () => {
    assert.throws(() => encodeAddress({ path: '/tmp/a\0b' }), /contains a NUL/);
  });
});

describe('addresses that the kernel tells', () => {
  const sockets = (family: 4 | 6 | 'unix', use: (listener: number, client: number) => void) => {
    const listener = openSocket(family, 'stream', 'test');
    const client = openSocket(family, 'stream', 'test');
    try {
      use(listener, client);
    } finally {
      closeDescriptor(listener);
      closeDescriptor(client);
    }
  };
  const bind = (fd: number, address: SocketAddress) => {
    const bytes = encodeAddress(address);
    checked(libc().bind(fd, bytes, bytes.length), 'bind', 'bind');
  };
  const connectTo = (fd: number, address: SocketAddress) => {
    const bytes = encodeAddress(address);
    libc().connect(fd, bytes, bytes.length);
  };

  for (const [family, host] of [
    [4, '127.0.0.1'],
    [6, '::1'],
  ] as const) {
    it(`are the same at both ends: IPv${family}`, () => {
      sockets(family, (listener, client) => {
        assert.deepEqual(localAddressOf(listener), {
          host: family === 4 ? '0.0.0.0' : '::',
          port: 0,
          family,
        });
        bind(listener, { host, port: 0, family });
        checked(libc().listen(listener, 1), 'listen', 'listen');
        const bound = localAddressOf(listener);
        assert.ok(bound !== null && 'host' in bound && bound.port > 0);
        assert.deepEqual(bound, { host, port: bound.port, family });
        assert.equal(remoteAddressOf(listener), null);
        connectTo(client, bound);
        assert.deepEqual(remoteAddressOf(client), bound);
      });
    });
  }

  it('are mapped where an IPv6 socket talks IPv4, as Node has it', async () => {
    const server: Server = createServer((socket) => socket.end()).listen(0, '::');
    await new Promise((resolve) => server.on('listening', resolve));
    const { port } = server.address() as { port: number };
    const seen = new Promise<Socket>((resolve) => server.on('connection', resolve));
    const client = connect(port, '127.0.0.1');
    const { remoteAddress } = await seen;
    client.destroy();
    server.close();
    assert.equal(remoteAddress, '::ffff:127.0.0.1');
    assert.deepEqual(roundTrip({ host: remoteAddress, port, family: 6 }), {
      host: remoteAddress,
      port,
      family: 6,
    });
  });

  it('are the path of a Unix socket, and empty for one that is not bound', () => {
    const folder = mkdtempSync(join(tmpdir(), 'tulipa-'));
    try {
      sockets('unix', (listener, client) => {
        const path = join(folder, 'ß');
        bind(listener, { path });
        checked(libc().listen(listener, 1), 'listen', 'listen');
        assert.deepEqual(localAddressOf(listener), { path });
        connectTo(client, { path });
        assert.deepEqual([localAddressOf(client), remoteAddressOf(client)], [{ path: '' }, { path }]);
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('are the whole of a path that leaves no room for a NUL', { skip: isDarwin }, () => {
    const path = `\0${'x'.repeat(constants.UNIX_PATH_BYTES - 1 - String(process.pid).length)}${process.pid}`;
    sockets('unix', (listener) => {
      bind(listener, { path });
      assert.deepEqual(localAddressOf(listener), { path });
    });
  });

  it('are null for a descriptor that is no socket', () => {
    assert.equal(localAddressOf(-1), null);
    assert.equal(remoteAddressOf(-1), null);
    assert.equal(new Set([familyNumber(4), familyNumber(6), familyNumber('unix')]).size, 3);
  });
});
