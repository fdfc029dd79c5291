import { constants } from './constants.ts';
import { libc } from './libc.ts';
import { Memory } from './memory.ts';

const { SOL_SOCKET, SO_ATTACH_FILTER } = constants;

/** [what to do, where to go on if true, if false, operand] */
const program = [
  [0x30, 0, 0, 13], // load the byte at 13 of the TCP header: its flags
  [0x45, 0, 1, 0x02], // SYN set?
  [0x06, 0, 0, 0], // yes: drop the segment
  [0x06, 0, 0, 0xffff_ffff], // no: let it through
] as const;

/** Kept: the call is given an address of it, which keeps nothing alive. */
let filter: Memory | null = null;

/**
 * Lets a listening TCP socket hear of no new connections: their first segment is dropped, and when the peer sends it again,
 * after a second, the socket is closed and another one of the same port takes it, or nobody. So a server that accepts what
 * there is and closes then loses no connection in between. Linux only; elsewhere it does nothing.
 *
 * @see Documentation/networking/filter.rst of the kernel
 */
export function refuseNewConnections(fd: number): void {
  if (SO_ATTACH_FILTER === 0) return;
  filter ??= encodeProgram();
  // struct sock_fprog: how many, and where
  const described = new Memory(16);
  described.view.setUint16(0, program.length, true);
  described.view.setBigUint64(8, BigInt(filter.address), true);
  // Forbidden by a sandbox, it leaves a gap of microseconds, as there is elsewhere.
  libc().setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, described.bytes, 16);
}

function encodeProgram(): Memory {
  const memory = new Memory(8 * program.length);
  program.forEach(([code, ifTrue, ifFalse, operand], index) => {
    memory.view.setUint16(8 * index, code, true);
    memory.view.setUint8(8 * index + 2, ifTrue);
    memory.view.setUint8(8 * index + 3, ifFalse);
    memory.view.setUint32(8 * index + 4, operand, true);
  });
  return memory;
}
