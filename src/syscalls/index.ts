export { constants, isDarwin } from './constants.ts';
export { copyNative } from './copy-native.ts';
export * from './errors.ts';
export {
  type Address,
  type Ffi,
  type Functions,
  ffi,
  type NativeCallback,
  type NodeUvLoop,
  nodeUvLoop,
} from './ffi/index.ts';
export { isRegularFile, readFileAt, seekTo } from './file.ts';
export { hasHungUp } from './hang-up.ts';
export { errno, libc } from './libc.ts';
export { Memory } from './memory.ts';
export {
  createSocket,
  descriptorOf,
  NativeSocket,
  type SocketOptions,
  socketFromDescriptor,
  socketPair,
  takeDescriptor,
} from './native-socket.ts';
export { refuseNewConnections } from './refuse-new-connections.ts';
export * from './socket.ts';
export { addressBytesMax, decodeAddress, encodeAddress, familyNumber } from './socket-address.ts';
export { closeAtThreadEnd, unlinkAtThreadEnd } from './thread-end.ts';
