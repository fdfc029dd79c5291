import { testConnections } from './connections-contract.ts';

testConnections('node');
