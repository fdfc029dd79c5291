import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Reactor } from '../../../src/drivers/readiness/reactor.ts';
import { Watched } from '../../../src/drivers/readiness/watched.ts';
import type { DriverHost, ExceptionContext, Runnable } from '../../../src/interface/index.ts';
import { EpollPoller, type Poller, READABLE, WRITABLE } from '../../../src/selectors/index.ts';
import { EBADF, EEXIST, EMFILE, ENOENT, isDarwin, systemFailure } from '../../../src/syscalls/index.ts';
import { OpenFiles, writeByte } from '../../selectors/open-files.ts';

/** A kernel whose answers are written down beforehand, and that keeps what it was told. */
class ScriptedPoller implements Poller {
  readonly name = 'scripted';
  readonly descriptor = 1_000;
  readonly ready = new Int32Array(16);
  readonly readyFor = new Uint8Array(16);
  readonly calls: string[] = [];
  readonly registered = new Map<number, number>();
  /** for the next wait */
  events: [descriptor: number, readyFor: number][] = [];
  closed = false;

  register(descriptor: number, interest: number): void {
    this.calls.push(`register ${descriptor} ${interest}`);
    if (this.registered.has(descriptor)) throw systemFailure('watch', 'epoll_ctl', EEXIST);
    this.registered.set(descriptor, interest);
  }

  modify(descriptor: number, interest: number): void {
    this.calls.push(`modify ${descriptor} ${interest}`);
    if (!this.registered.has(descriptor)) throw systemFailure('watch', 'epoll_ctl', ENOENT);
    this.registered.set(descriptor, interest);
  }

  unregister(descriptor: number): boolean {
    this.calls.push(`unregister ${descriptor}`);
    return this.registered.delete(descriptor);
  }

  wait(): number {
    const { events } = this;
    this.events = [];
    for (const [index, [descriptor, readyFor]] of events.entries()) {
      this.ready[index] = descriptor;
      this.readyFor[index] = readyFor;
    }
    return events.length;
  }

  close(): void {
    this.closed = true;
  }

  /** What was called since it was last asked. */
  heard(): string[] {
    return this.calls.splice(0);
  }
}

class Host implements DriverHost {
  readonly inTurn = true;
  readonly queue: Runnable[] = [];
  readonly said: string[] = [];
  readonly reports: ExceptionContext[] = [];

  dispatch(): void {}
  enqueue(runnable: Runnable): void {
    this.queue.push(runnable);
  }
  callLater = () => ({ cancel() {} });
  refsChanged(): void {
    this.said.push('refs');
  }
  pollDescriptorChanged(): void {
    this.said.push('descriptor');
  }
  report(context: ExceptionContext): void {
    this.reports.push(context);
  }

  /** As a turn does. */
  run(): void {
    for (const runnable of this.queue.splice(0)) runnable.run();
  }
}

class Watch extends Watched {
  readonly heard: string[] = [];
  onReadable: () => void = () => {};

  protected readable(): void {
    this.heard.push('readable');
    this.onReadable();
  }

  protected writable(): void {
    this.heard.push('writable');
  }

  override lost(): void {
    this.heard.push('lost');
  }

  override toString(): string {
    return '<watch>';
  }
}

function make(): { reactor: Reactor; host: Host; pollers: ScriptedPoller[]; poller: ScriptedPoller } {
  const host = new Host();
  const pollers: ScriptedPoller[] = [];
  const reactor = new Reactor(host, () => {
    const poller = new ScriptedPoller();
    pollers.push(poller);
    return poller;
  });
  return { reactor, host, pollers, poller: pollers[0] as ScriptedPoller };
}

describe('Reactor', () => {
  it('tells the kernel what is wanted, and of a second interest by a change', () => {
    const { reactor, poller } = make();
    const watch = new Watch(7);
    reactor.want(watch, READABLE);
    reactor.want(watch, READABLE);
    reactor.want(watch, WRITABLE);
    reactor.refuse(watch, READABLE);
    reactor.drop(watch);
    reactor.drop(watch);
    assert.deepEqual(poller.heard(), ['register 7 1', 'modify 7 3', 'modify 7 2', 'unregister 7']);
    assert.equal(reactor.at(7), undefined);
  });

  it('queues who is ready once, for all that it is ready for by then', () => {
    const { reactor, host, poller } = make();
    const watch = new Watch(7);
    reactor.want(watch, READABLE | WRITABLE);
    poller.events = [[7, READABLE]];
    reactor.wait(0);
    poller.events = [[7, READABLE | WRITABLE]];
    reactor.wait(0);
    assert.equal(host.queue.length, 1);
    host.run();
    assert.deepEqual(watch.heard, ['readable', 'writable']);
  });

  it('tells the kernel of what is ignored only when that comes up', () => {
    const { reactor, host, poller } = make();
    const watch = new Watch(7);
    reactor.want(watch, READABLE);
    poller.heard();
    reactor.ignore(watch, READABLE);
    reactor.want(watch, READABLE);
    assert.deepEqual(poller.heard(), []);
    reactor.ignore(watch, READABLE);
    poller.events = [[7, READABLE]];
    reactor.wait(0);
    assert.deepEqual(poller.heard(), ['unregister 7']);
    assert.equal(host.queue.length, 0);
    reactor.want(watch, WRITABLE);
    reactor.want(watch, READABLE);
    reactor.ignore(watch, READABLE);
    poller.heard();
    poller.events = [[7, READABLE | WRITABLE]];
    reactor.wait(0);
    assert.deepEqual(poller.heard(), [], 'what is ready besides is news enough');
    poller.events = [[7, READABLE]];
    reactor.wait(0);
    assert.deepEqual(poller.heard(), ['modify 7 2']);
  });

  it('calls nobody who does not want it any more when its turn comes', () => {
    const { reactor, host, poller } = make();
    const [first, second] = [new Watch(7), new Watch(8)];
    reactor.want(first, READABLE);
    reactor.want(second, READABLE);
    first.onReadable = () => reactor.drop(second);
    poller.events = [
      [7, READABLE],
      [8, READABLE],
    ];
    reactor.wait(0);
    host.run();
    assert.deepEqual([first.heard, second.heard], [['readable'], []]);
  });

  it('calls nobody for the news of who had the number before, in the same turn', () => {
    const { reactor, host, poller } = make();
    const [first, old, fresh] = [new Watch(7), new Watch(8), new Watch(8)];
    reactor.want(first, READABLE);
    reactor.want(old, READABLE);
    first.onReadable = () => {
      reactor.drop(old);
      reactor.want(fresh, READABLE);
    };
    poller.events = [
      [7, READABLE],
      [8, READABLE],
    ];
    reactor.wait(0);
    host.run();
    assert.deepEqual([old.heard, fresh.heard], [[], []]);
    assert.equal(reactor.at(8), fresh);
    assert.equal(host.said.includes('descriptor'), false, 'nothing was wrong');
  });

  it('leaves things as they were if the kernel refuses', () => {
    const { reactor, poller } = make();
    poller.registered.set(7, READABLE);
    const watch = new Watch(7);
    assert.throws(() => reactor.want(watch, READABLE), /EEXIST/);
    assert.deepEqual([watch.wanted, watch.told, reactor.at(7)], [0, 0, undefined]);
  });

  it('says when the first is open and when the last is gone', () => {
    const { reactor, host } = make();
    reactor.ref();
    reactor.ref();
    assert.equal(reactor.refs, 2);
    reactor.unref();
    assert.deepEqual(host.said, ['refs']);
    reactor.unref();
    assert.deepEqual(host.said, ['refs', 'refs']);
  });

  describe('whose descriptor was closed without a word', () => {
    it('notices when it drops it, and makes the poller anew before the next wait', () => {
      const { reactor, host, pollers, poller } = make();
      const [lost, other, ignored] = [new Watch(7), new Watch(8), new Watch(9)];
      for (const watch of [lost, other, ignored]) reactor.want(watch, READABLE);
      reactor.ignore(ignored, READABLE);
      poller.registered.delete(7);
      reactor.drop(lost);
      assert.deepEqual(host.said, []);
      reactor.wait(0);
      assert.deepEqual(host.said, ['descriptor']);
      assert.equal(poller.closed, true);
      const fresh = pollers[1] as ScriptedPoller;
      assert.deepEqual([...fresh.registered], [[8, READABLE]]);
      assert.equal(reactor.poller, fresh);
      reactor.want(ignored, READABLE);
      fresh.events = [
        [8, READABLE],
        [9, READABLE],
      ];
      reactor.wait(0);
      host.run();
      assert.deepEqual([other.heard, ignored.heard], [['readable'], ['readable']]);
      reactor.wait(0);
      assert.equal(pollers.length, 2);
    });

    it('has its owner try, and learn it, when the kernel says so in the middle of a wait', () => {
      const { reactor, host, pollers, poller } = make();
      const watch = new Watch(7);
      reactor.want(watch, READABLE | WRITABLE);
      reactor.ignore(watch, READABLE);
      poller.registered.delete(7);
      poller.events = [[7, READABLE]];
      reactor.wait(0);
      host.run();
      assert.deepEqual(watch.heard, ['writable']);
      assert.equal(reactor.at(7), undefined);
      reactor.wait(0);
      assert.equal(pollers.length, 2);
      assert.deepEqual([...(pollers[1] as ScriptedPoller).registered], []);
    });

    it('tells its owner to keep off the number when that is somebody else’s', () => {
      const { reactor, host, pollers, poller } = make();
      const [old, fresh] = [new Watch(7), new Watch(7)];
      reactor.want(old, READABLE);
      reactor.want(fresh, READABLE);
      assert.deepEqual(old.heard, ['lost']);
      assert.equal(reactor.at(7), fresh);
      // What is done with the old one from now on is no business of the new one's.
      reactor.refuse(old, READABLE);
      reactor.drop(old);
      assert.equal(poller.registered.get(7), READABLE);
      reactor.wait(0);
      const renewed = pollers[1] as ScriptedPoller;
      assert.deepEqual([...renewed.registered], [[7, READABLE]]);
      renewed.events = [[7, READABLE]];
      reactor.wait(0);
      host.run();
      assert.deepEqual([old.heard, fresh.heard], [['lost'], ['readable']]);
    });

    it('is registered again when it is wanted again under the number', () => {
      const { reactor, poller } = make();
      const watch = new Watch(7);
      reactor.want(watch, READABLE);
      poller.registered.delete(7);
      poller.heard();
      assert.equal(reactor.confirm(watch), false);
      reactor.want(watch, READABLE);
      assert.deepEqual(poller.heard(), ['modify 7 1', 'register 7 1']);
      assert.equal(reactor.confirm(watch), true);
    });

    it('may be reported though nobody is known to have it', () => {
      const { reactor, host, pollers, poller } = make();
      poller.events = [[7, READABLE]];
      reactor.wait(0);
      reactor.wait(0);
      assert.equal(pollers.length, 2);
      assert.equal(host.queue.length, 0);
    });

    it('is reported once while there is no other poller to be had, and the loop goes on', () => {
      const host = new Host();
      const poller = new ScriptedPoller();
      let short = false;
      const reactor = new Reactor(host, () => {
        if (short) throw systemFailure('make an epoll instance', 'epoll_create1', EMFILE);
        return poller;
      });
      short = true;
      const watch = new Watch(8);
      reactor.want(watch, READABLE);
      for (let waits = 0; waits < 3; waits++) {
        poller.events = [
          [7, READABLE],
          [8, READABLE],
        ];
        reactor.wait(0);
        host.run();
      }
      assert.equal(watch.heard.length, 3);
      assert.equal(host.reports.length, 1);
      assert.match(host.reports[0]?.message ?? '', /^Cannot forget a descriptor/);
    });

    it('has its owner try if it cannot be registered with the new poller', () => {
      const host = new Host();
      const pollers: ScriptedPoller[] = [];
      const reactor = new Reactor(host, () => {
        const poller = new ScriptedPoller();
        if (pollers.push(poller) === 2) {
          poller.register = () => {
            throw systemFailure('watch', 'epoll_ctl', EBADF);
          };
        }
        return poller;
      });
      const watch = new Watch(8);
      reactor.want(watch, READABLE);
      (pollers[0] as ScriptedPoller).events = [[7, READABLE]];
      reactor.wait(0);
      reactor.wait(0);
      host.run();
      assert.deepEqual(watch.heard, ['readable']);
      assert.equal(reactor.at(8), undefined);
    });

    it('is rid of for good by epoll too, which would report it for ever', {
      skip: isDarwin && 'no epoll',
    }, () => {
      using files = new OpenFiles();
      const host = new Host();
      const reactor = new Reactor(host, () => new EpollPoller());
      const { reader, writer } = files.pipe();
      files.duplicateAt(reader, 0);
      writeByte(writer);
      const watch = new Watch(reader);
      reactor.want(watch, READABLE);
      files.close(reader);
      reactor.wait(0);
      assert.equal(host.queue.length, 1, 'the kernel reports what is closed');
      reactor.drop(watch);
      const before = reactor.poller;
      assert.equal(before.wait(0), 1, 'and cannot be told otherwise');
      reactor.wait(0);
      assert.notEqual(reactor.poller, before);
      assert.equal(reactor.poller.wait(0), 0);
      reactor.poller.close();
    });
  });
});
