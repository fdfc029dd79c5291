import { coroutine } from '../coroutines/index.ts';
import type { Coroutine, DatagramOptions } from '../interface/index.ts';
import { getRunningLoop } from '../loop/index.ts';
import { cancellationPoint } from './cancellation-point.ts';
import { DatagramEndpoint, type DatagramEndpointOptions } from './datagram-endpoint.ts';

/**
 * Opens an endpoint for datagrams on the running loop: with a `remoteAddress`, for one peer; with a `localAddress` alone,
 * for everybody.
 *
 * @throws as `loop.createDatagramEndpoint`
 */
export function openDatagram(
  options: DatagramOptions & DatagramEndpointOptions,
): Coroutine<DatagramEndpoint> {
  return open(options);
}

const open = coroutine(function* openDatagram(options: DatagramOptions & DatagramEndpointOptions) {
  const { receiveBufferBytesMax, onError, ...rest } = options;
  const loop = getRunningLoop();
  const endpoint = new DatagramEndpoint({ receiveBufferBytesMax, onError, loop });
  try {
    yield* loop.createDatagramEndpoint(() => endpoint.protocol, rest);
    yield* cancellationPoint();
    return endpoint;
  } catch (error) {
    endpoint.abort();
    throw error;
  }
});
