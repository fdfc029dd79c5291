import http from 'node:http';
import { globalsClock } from './globals-clock.ts';
import type { Replacements } from './replacements.ts';

/** What an `OutgoingMessage` has beside what its type says. */
interface Message {
  sendDate: boolean;
  /** all of them in one piece, the empty line at the end included */
  _header: string;
}

type StoreHeader = (this: Message, ...args: unknown[]) => void;

const prototype = http.OutgoingMessage.prototype as unknown as { _storeHeader: StoreHeader };
const realStoreHeader = prototype._storeHeader;

/** The `Date` that Node's HTTP server puts into its responses is one that it keeps for a second, of a clock that it shows nobody. */
const storeHeader: StoreHeader = function _storeHeader(...args) {
  const clock = globalsClock();
  if (clock === null || !this.sendDate) {
    Reflect.apply(realStoreHeader, this, args);
    return;
  }
  this.sendDate = false;
  try {
    Reflect.apply(realStoreHeader, this, args);
  } finally {
    this.sendDate = true;
  }
  // The program may have given one by itself.
  if (/^date:/im.test(this._header)) return;
  this._header = `${this._header.slice(0, -2)}Date: ${new Date(clock.now()).toUTCString()}\r\n\r\n`;
};

export function replaceHttpDate(replacements: Replacements): void {
  replacements.replace(prototype, '_storeHeader', storeHeader);
}
