import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { Ports } from '../../../src/drivers/simulation/ports.ts';
import { UnixNames } from '../../../src/drivers/simulation/unix-names.ts';

describe('the ports of a machine', () => {
  let ports: Ports<string>;
  const claim = (host: string, port: number, owner = 'x', shared = false) =>
    ports.claim(host.includes(':') ? 6 : 4, host, port, shared, owner);
  const ownersAt = (host: string, port: number) =>
    ports.at(host.includes(':') ? 6 : 4, host, port).map(({ owner }) => owner);

  beforeEach(() => {
    ports = new Ports();
  });

  it('are had by one at each address, or at all by the wildcard', () => {
    assert.notEqual(claim('10.0.0.1', 80), 'EADDRINUSE');
    assert.equal(claim('10.0.0.1', 80), 'EADDRINUSE');
    assert.equal(claim('0.0.0.0', 80), 'EADDRINUSE');
    assert.notEqual(claim('127.0.0.1', 80), 'EADDRINUSE');
    assert.notEqual(claim('0.0.0.0', 81), 'EADDRINUSE');
    assert.equal(claim('10.0.0.1', 81), 'EADDRINUSE');
  });

  it('of IPv4 and IPv6 are apart', () => {
    claim('0.0.0.0', 80, 'four');
    claim('::', 80, 'six');
    assert.deepEqual([ownersAt('10.0.0.1', 80), ownersAt('fd00::1', 80)], [['four'], ['six']]);
  });

  it('belong to who asked for the address itself, before who asked for all', () => {
    claim('0.0.0.0', 80, 'all', true);
    claim('10.0.0.1', 80, 'one', true);
    assert.deepEqual([ownersAt('10.0.0.1', 80), ownersAt('127.0.0.1', 80)], [['one'], ['all']]);
    assert.deepEqual(ownersAt('10.0.0.1', 81), []);
  });

  it('are shared by those who all say so', () => {
    claim('10.0.0.1', 80, 'a', true);
    assert.equal(claim('10.0.0.1', 80, 'b', false), 'EADDRINUSE');
    claim('10.0.0.1', 80, 'c', true);
    assert.deepEqual(ownersAt('10.0.0.1', 80), ['a', 'c']);
  });

  it('can be had again when they are given back', () => {
    const first = claim('10.0.0.1', 80);
    assert.ok(first !== 'EADDRINUSE');
    ports.release(first);
    assert.notEqual(claim('10.0.0.1', 80, 'second'), 'EADDRINUSE');
    ports.release(first);
    assert.deepEqual(ownersAt('10.0.0.1', 80), ['second']);
  });

  it('are given out one after the other where none was asked for, until there are none', () => {
    claim('10.0.0.1', 32_769);
    const given = [claim('10.0.0.1', 0), claim('127.0.0.1', 0)];
    assert.deepEqual(
      given.map((one) => one !== 'EADDRINUSE' && one.port),
      [32_768, 32_770],
    );
    let last: unknown;
    for (let i = 0; i < 28_232; i++) last = claim('10.0.0.1', 0);
    assert.equal(last, 'EADDRINUSE');
    assert.ok(given[0] !== undefined && given[0] !== 'EADDRINUSE');
    ports.release(given[0]);
    const again = claim('10.0.0.1', 0);
    assert.equal(again !== 'EADDRINUSE' && again.port, 32_768);
  });
});

describe('the names of Unix sockets on a machine', () => {
  it('are files, which stay behind if they are to, and are replaced by who comes next', () => {
    const names = new UnixNames<object>();
    const [first, second] = [{}, {}];
    assert.equal(names.at('/run/a'), 'ENOENT');
    assert.equal(names.claim('/run/a', first), true);
    assert.equal(names.at('/run/a'), first);
    assert.equal(names.claim('/run/a', second), true);
    names.release('/run/a', first, { keepFile: false });
    assert.equal(names.at('/run/a'), second);
    names.release('/run/a', second, { keepFile: true });
    assert.equal(names.at('/run/a'), 'ECONNREFUSED');
    assert.equal(names.claim('/run/a', first), true);
    names.release('/run/a', first, { keepFile: false });
    assert.equal(names.at('/run/a'), 'ENOENT');
  });

  it('that are abstract are had by one, and go with it', () => {
    const names = new UnixNames<object>();
    const owner = {};
    assert.equal(names.at('\0a'), 'ECONNREFUSED');
    assert.equal(names.claim('\0a', owner), true);
    assert.equal(names.claim('\0a', {}), false);
    names.release('\0a', owner, { keepFile: true });
    assert.equal(names.claim('\0a', {}), true);
  });
});
