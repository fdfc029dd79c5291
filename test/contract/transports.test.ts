import { testTransports } from './transports-contract.ts';

testTransports('node');
