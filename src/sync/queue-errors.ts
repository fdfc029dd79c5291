import { LoopError } from '../interface/index.ts';

/** There was no room for an item, and waiting was not asked for. */
export class QueueFull extends LoopError<'ERR_QUEUE_FULL'> {
  override readonly name = 'QueueFull';

  constructor() {
    super('ERR_QUEUE_FULL', 'Cannot put an item into the queue: it is full');
  }
}

/** There was no item, and waiting was not asked for. */
export class QueueEmpty extends LoopError<'ERR_QUEUE_EMPTY'> {
  override readonly name = 'QueueEmpty';

  constructor() {
    super('ERR_QUEUE_EMPTY', 'Cannot get an item from the queue: it is empty');
  }
}

/** The queue was shut down: nothing can be put any more, and everything that could be got was. */
export class QueueShutDown extends LoopError<'ERR_QUEUE_SHUT_DOWN'> {
  override readonly name = 'QueueShutDown';

  constructor(what: 'put' | 'get') {
    super(
      'ERR_QUEUE_SHUT_DOWN',
      what === 'put'
        ? 'Cannot put an item into the queue: it was shut down'
        : 'Cannot get an item from the queue: it was shut down and is empty',
    );
  }
}
