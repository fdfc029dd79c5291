import { testDescriptors } from './descriptors-contract.ts';
import { loopKinds } from './kinds.ts';

// What a driver without them says is in test/runtime/not-supported.test.ts.
for (const kind of loopKinds) if (kind.driver !== 'node') testDescriptors(kind);
