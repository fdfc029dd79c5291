import { testDatagrams } from './datagrams-contract.ts';
import { loopKinds } from './kinds.ts';

for (const kind of loopKinds) testDatagrams(kind);
