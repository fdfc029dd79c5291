import { realKinds } from './kinds.ts';
import { testSockets } from './sockets-contract.ts';

// What a driver without them says is in test/runtime/not-supported.test.ts.
for (const kind of realKinds) if (kind.driver !== 'node') testSockets(kind);
