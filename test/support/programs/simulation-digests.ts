/** Prints the digests of courses of events, a line each: `simulation-digests 'program 0' 'lock 3' …`. */
import { digest } from '../../testing/digests.ts';

for (const name of process.argv.slice(2)) console.log(await digest(name));
