import { LoopError } from '../interface/index.ts';

/** This very end of the channel was closed, before the call or while it waited. */
export class ChannelClosed extends LoopError<'ERR_CHANNEL_CLOSED'> {
  override readonly name = 'ChannelClosed';

  constructor(what: 'send' | 'receive' | 'clone') {
    super('ERR_CHANNEL_CLOSED', `Cannot ${what}: this end of the channel is closed`);
  }
}

/** Nobody is left to receive: all receivers are closed. */
export class ChannelBroken extends LoopError<'ERR_CHANNEL_BROKEN'> {
  override readonly name = 'ChannelBroken';

  constructor() {
    super('ERR_CHANNEL_BROKEN', 'Cannot send: all receivers of the channel are closed');
  }
}

/** There is nothing more to receive: all senders are closed, and what they sent has been received. */
export class ChannelEnded extends LoopError<'ERR_CHANNEL_ENDED'> {
  override readonly name = 'ChannelEnded';

  constructor() {
    super('ERR_CHANNEL_ENDED', 'Cannot receive: all senders of the channel are closed and it is empty');
  }
}

/** It would have to wait, which was not asked for. */
export class WouldBlock extends LoopError<'ERR_WOULD_BLOCK'> {
  override readonly name = 'WouldBlock';

  constructor(message: string) {
    super('ERR_WOULD_BLOCK', message);
  }
}
