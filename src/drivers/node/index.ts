/** The loop of Node itself as a driver. */
export { NodeDriver } from './node-driver.ts';
