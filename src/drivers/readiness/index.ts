export { ReadinessDriver } from './readiness-driver.ts';
