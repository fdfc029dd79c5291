import { loopKinds } from './kinds.ts';
import { testRunning } from './running-contract.ts';

for (const kind of loopKinds) if (kind.blocks) testRunning(kind);
