import { realKinds } from './kinds.ts';
import { testPipes } from './pipes-contract.ts';

// Node has no public way to take over a descriptor with all that a pipe needs.
for (const kind of realKinds) if (kind.driver !== 'node') testPipes(kind);
