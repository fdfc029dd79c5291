import { testConnections } from './connections-contract.ts';
import { loopKinds } from './kinds.ts';

for (const kind of loopKinds) testConnections(kind);
