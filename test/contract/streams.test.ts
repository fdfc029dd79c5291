import { testStreams } from './streams-contract.ts';

testStreams('node');
