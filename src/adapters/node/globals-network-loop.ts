import { type EventLoop, StateError } from '../../interface/index.ts';

/** On which loop the network of code is: of one loop, or of whichever runs, or of a program of a simulation. */
export interface GlobalsNetwork {
  /** for what is opened now; null: Node's own network. @throws nothing is to be opened any more */
  loopToOpenOn(): EventLoop | null;
  /** null: Node's own network */
  loopHere(): EventLoop | null;
}

let installed: GlobalsNetwork | null = null;

/** @throws {StateError} there is one (`ERR_GLOBALS_REPLACED`) */
export function setGlobalsNetwork(network: GlobalsNetwork): void {
  if (installed !== null) {
    throw new StateError(
      'ERR_GLOBALS_REPLACED',
      'Cannot replace the network: installNet, or a simulation of programs, has done so already',
    );
  }
  installed = network;
}

export function clearGlobalsNetwork(network: GlobalsNetwork): void {
  if (installed === network) installed = null;
}

export function networkIsReplaced(): boolean {
  return installed !== null;
}

/** As of `GlobalsNetwork`. What was replaced asks here first: somebody may have kept it. */
export function loopToOpenOn(): EventLoop | null {
  return installed?.loopToOpenOn() ?? null;
}

export function loopHere(): EventLoop | null {
  return installed?.loopHere() ?? null;
}
