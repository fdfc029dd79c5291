import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NotSupportedError } from '../../src/interface/index.ts';
import { EpollPoller, KqueuePoller, PollPoller, SelectPoller } from '../../src/selectors/index.ts';
import { isDarwin } from '../../src/syscalls/index.ts';
import { imitatedKqueue } from './imitated-kqueue.ts';
import { testPoller } from './poller-contract.ts';

const any = Number.POSITIVE_INFINITY;

testPoller(
  'SelectPoller',
  { regularFiles: 'always ready', closed: 'reported', limit: 1_024 },
  () => new SelectPoller(),
);
testPoller(
  'PollPoller',
  { regularFiles: 'always ready', closed: 'reported', limit: any },
  () => new PollPoller(),
);
if (isDarwin) {
  testPoller(
    'KqueuePoller',
    { regularFiles: 'always ready', closed: 'forgotten', limit: any },
    () => new KqueuePoller(),
  );
} else {
  testPoller(
    'EpollPoller',
    { regularFiles: 'refused', closed: 'forgotten', limit: any },
    () => new EpollPoller(),
  );
  testPoller(
    'KqueuePoller, on an imitated kernel',
    { regularFiles: 'refused', closed: 'forgotten', limit: any },
    () => new KqueuePoller(imitatedKqueue()),
  );
}

describe('a poller of another system', () => {
  it('says that it is not supported', () => {
    const create = isDarwin ? () => new EpollPoller() : () => new KqueuePoller();
    assert.throws(create, NotSupportedError);
  });
});
