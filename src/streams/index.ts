/** Streams: transports and protocols for daily use, as a reader and a writer that are waited for. */
export type { ClientHandler } from './client-handler.ts';
export { FlowControl } from './flow-control.ts';
export type { LineIterator } from './line-iterator.ts';
export { LineTooLongError } from './line-too-long-error.ts';
export { openConnection, openUnixConnection, type Stream, type StreamLimit } from './open-connection.ts';
export type { Separator } from './separators.ts';
export { startServer, startUnixServer } from './start-server.ts';
export { StreamReaderProtocol, type StreamReaderProtocolOptions } from './stream-protocol.ts';
export { DEFAULT_LIMIT, StreamReader, type StreamReaderOptions } from './stream-reader.ts';
export { HARD_CAP_FACTOR, type StreamData, StreamWriter, type StreamWriterOptions } from './stream-writer.ts';
