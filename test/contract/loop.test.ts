import { testLoop } from './loop-contract.ts';

testLoop('node');
