import { libc } from './libc.ts';
import { Memory } from './memory.ts';

const POLLERR = 0x08;
const POLLHUP = 0x10;
const POLLNVAL = 0x20;

let pollfd: Memory | null = null;

/** True if nobody will ever read what is written there, as far as the kernel can say now. @see poll(2) */
export function hasHungUp(fd: number): boolean {
  pollfd ??= new Memory(8);
  pollfd.view.setInt32(0, fd, true);
  pollfd.view.setInt32(4, 0);
  if (libc().poll(pollfd.address, 1, 0) <= 0) return false;
  return (pollfd.view.getInt16(6, true) & (POLLERR | POLLHUP | POLLNVAL)) !== 0;
}
