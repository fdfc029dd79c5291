import { testServers } from './servers-contract.ts';

testServers('node');
