import { loopKinds } from './kinds.ts';
import { testServers } from './servers-contract.ts';

for (const kind of loopKinds) testServers(kind);
