/** zone.js: its timers on our loop. */
export { loopZone, type TimerZoneSpec } from './loop-zone.ts';
