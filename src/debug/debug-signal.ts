import type { Signal } from '../interface/index.ts';

/**
 * By which a process is asked to open its debug socket.
 *
 * Of all signals this one does no harm to a process that does not know it: by default it is ignored, so nothing dies of
 * it, and it is reckoned that it may come for no reason. SIGUSR1 and SIGUSR2 end a process by default, and are taken by
 * Node's inspector, heap snapshots, nodemon and by programs that reload by them.
 *
 * @see signal(7), "Urgent condition on socket", sent by the kernel only to who has asked for it with F_SETOWN
 */
export const debugSignal: Signal = 'SIGURG';
