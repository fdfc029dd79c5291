import type { Actor, AnyActorLogic, OutputFrom, Snapshot } from 'xstate';
import type { Future } from '../../coroutines/index.ts';
import type { EventLoop } from '../../interface/index.ts';
import { getRunningLoop } from '../../loop/index.ts';
import { ForeignFuture } from '../common/foreign-future.ts';

/**
 * A future of what an actor puts out when it is done: `yield* futureFrom(createActor(machine).start())`. Cancelling it stops
 * the actor; an actor that somebody else stops is a cancellation.
 *
 * @param loop the running one unless given
 * @throws the error of the actor
 */
export function futureFrom<Logic extends AnyActorLogic>(
  actor: Actor<Logic>,
  loop: EventLoop = getRunningLoop(),
): Future<OutputFrom<Logic>> {
  return new ForeignFuture<OutputFrom<Logic>>(loop, (outcome) => {
    const tell = () => {
      const snapshot = stateOf(actor);
      if (snapshot.status === 'done') outcome.succeeded(snapshot.output as OutputFrom<Logic>);
      else if (snapshot.status === 'error') outcome.failed(snapshot.error);
      else outcome.cancelled('the actor was stopped');
    };
    actor.subscribe({ error: tell, complete: tell });
    // To who subscribes later nothing is told.
    if (['done', 'error', 'stopped'].includes(stateOf(actor).status)) tell();
    return () => {
      actor.stop();
      outcome.cancelled();
    };
  });
}

function stateOf(actor: Actor<AnyActorLogic>): Snapshot<unknown> {
  return actor.getSnapshot() as Snapshot<unknown>;
}
