import { testDescriptors } from './descriptors-contract.ts';
import { realKinds } from './kinds.ts';

// What a driver without them says is in test/runtime/not-supported.test.ts.
for (const kind of realKinds) if (kind.driver !== 'node') testDescriptors(kind);
