import { loopKinds } from './kinds.ts';
import { testLoop } from './loop-contract.ts';

for (const kind of loopKinds) testLoop(kind);
