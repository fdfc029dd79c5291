import { loopKinds } from './kinds.ts';
import { testStreams } from './streams-contract.ts';

for (const kind of loopKinds) testStreams(kind);
