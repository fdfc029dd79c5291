import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkHost, checkPort, familyOf, literalAddress } from '../../src/runtime/addresses.ts';

describe('a literal address', () => {
  it('is told from a name, with its family (B-LOOP-027)', () => {
    for (const host of ['0.0.0.0', '127.0.0.1', '255.255.255.255', '1.2.3.4'])
      assert.equal(familyOf(host), 4);
    for (const host of ['::', '::1', '2001:db8::1', 'FE80::1', '::ffff:1.2.3.4', '1:2:3:4:5:6:7:8']) {
      assert.equal(familyOf(host), 6, host);
    }
    for (const host of [
      'localhost',
      '256.1.1.1',
      '1.2.3',
      '01.2.3.4',
      '1.2.3.4.5',
      '',
      '::g',
      ':',
      '1::2::3',
    ]) {
      assert.equal(familyOf(host), null, host);
    }
  });

  it('stands for itself with a number for a port, or none (B-LOOP-027)', () => {
    const expected = { host: '127.0.0.1', family: 4, type: 'stream' };
    for (const [given, port] of [
      [80, 80],
      ['80', 80],
      [null, 0],
      ['', 0],
    ] as const) {
      assert.deepEqual(literalAddress('127.0.0.1', given, {}), { ...expected, port });
    }
    assert.equal(literalAddress('127.0.0.1', 80, { type: 'datagram' })?.type, 'datagram');
  });

  it('is not enough with a service name, a scope, another family, or no host: the resolver knows (B-LOOP-027)', () => {
    assert.equal(literalAddress('127.0.0.1', 'http', {}), null);
    assert.equal(literalAddress('127.0.0.1', '0x50', {}), null);
    assert.equal(literalAddress('fe80::1%lo', 80, {}), null);
    assert.equal(literalAddress('127.0.0.1', 80, { family: 6 }), null);
    assert.equal(literalAddress('', 80, {}), null);
    assert.equal(literalAddress(null, 80, {}), null);
  });
});

describe('what is no host or no port', () => {
  it('is refused', () => {
    for (const host of [7, {}, true]) assert.throws(() => checkHost(host), TypeError);
    assert.throws(() => checkHost('127.0.0.1\0.example'), RangeError);
    for (const port of [{}, true, Symbol('80')]) assert.throws(() => checkPort(port), TypeError);
    for (const port of [-1, 65_536, 0.5, Number.NaN, Infinity, '65536']) {
      assert.throws(() => checkPort(port), RangeError);
    }
  });

  it('is told from what may be left out', () => {
    for (const nothing of [null, undefined, '']) {
      checkHost(nothing);
      checkPort(nothing);
    }
    for (const port of [0, 65_535, '80', 'http']) checkPort(port);
  });
});
