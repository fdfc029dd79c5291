import { loopKinds } from './kinds.ts';
import { testTransports } from './transports-contract.ts';

for (const kind of loopKinds) testTransports(kind);
