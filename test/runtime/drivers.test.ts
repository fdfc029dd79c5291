import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { NotSupportedError } from '../../src/interface/index.ts';
import { getRunningLoop } from '../../src/loop/index.ts';
import { listDrivers, newEventLoop, run } from '../../src/runtime/index.ts';

const variables = ['TULIPA_LOOP', 'TULIPA_DEBUG'] as const;
const before = variables.map((name) => [name, process.env[name]] as const);

describe('the drivers', () => {
  afterEach(() => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });

  const drivers = listDrivers();

  it('are listed by name, with why one does not work here', () => {
    assert.ok(drivers.some(({ name, unavailable }) => name === 'node' && unavailable === null));
    assert.equal(new Set(drivers.map(({ name }) => name)).size, drivers.length);
    for (const { description } of drivers) assert.notEqual(description, '');
  });

  it('make loops by name if they work here, and refuse if not', () => {
    for (const { name, unavailable } of drivers) {
      if (unavailable === null) {
        const loop = newEventLoop({ driver: name });
        assert.equal(loop.driverName, name);
        loop.close();
      } else {
        assert.throws(
          () => newEventLoop({ driver: name }),
          (error) =>
            error instanceof NotSupportedError &&
            error.driver === name &&
            error.message.includes(unavailable),
        );
      }
    }
  });

  it('must exist', () => {
    assert.throws(() => newEventLoop({ driver: 'abacus' }), /no driver 'abacus'; there are .*node/);
    assert.throws(() => newEventLoop({ driver: '' }), RangeError);
  });

  it('are chosen by TULIPA_LOOP where the program says nothing', async () => {
    process.env['TULIPA_LOOP'] = 'node';
    assert.equal(await run(async () => getRunningLoop().driverName), 'node');
    process.env['TULIPA_LOOP'] = 'abacus';
    assert.throws(() => newEventLoop(), /no driver 'abacus'/);
    await assert.rejects(
      run(async () => {}),
      RangeError,
    );
    const unavailable = drivers.find((driver) => driver.unavailable !== null);
    if (unavailable !== undefined) {
      process.env['TULIPA_LOOP'] = unavailable.name;
      assert.throws(() => newEventLoop(), NotSupportedError);
    }
    newEventLoop({ driver: 'node' }).close();
    process.env['TULIPA_LOOP'] = '';
    newEventLoop().close();
  });

  it('make loops in debug mode if TULIPA_DEBUG is set and the program says nothing (B-LOOP-023)', () => {
    const debug = (option?: boolean) => {
      const loop = newEventLoop({ debug: option });
      loop.close();
      return loop.getDebug();
    };
    delete process.env['TULIPA_DEBUG'];
    assert.deepEqual([debug(), debug(true), debug(false)], [false, true, false]);
    process.env['TULIPA_DEBUG'] = '1';
    assert.deepEqual([debug(), debug(true), debug(false)], [true, true, false]);
    process.env['TULIPA_DEBUG'] = '';
    assert.equal(debug(), false);
  });
});
