/** Streams: transports and protocols for daily use, as a reader and a writer that are waited for. */
export { type ByteSink, type ByteSinkOptions, writerTo } from './byte-sink.ts';
export { type ByteSource, type ByteSourceOptions, readerFrom } from './byte-source.ts';
export type { ClientHandler } from './client-handler.ts';
export { FlowControl, type FlowControlOptions } from './flow-control.ts';
export { fromReadableStream } from './from-readable-stream.ts';
export { fromWritableStream } from './from-writable-stream.ts';
export { LineTooLongError } from './line-too-long-error.ts';
export { openConnection, openUnixConnection, type Stream, type StreamLimit } from './open-connection.ts';
export type { Separator } from './separators.ts';
export { startServer, startUnixServer } from './start-server.ts';
export type { StreamIterator } from './stream-iterator.ts';
export { StreamReaderProtocol, type StreamReaderProtocolOptions } from './stream-protocol.ts';
export { DEFAULT_LIMIT, type ReadControl, StreamReader, type StreamReaderOptions } from './stream-reader.ts';
export { HARD_CAP_FACTOR, type StreamData, StreamWriter, type StreamWriterOptions } from './stream-writer.ts';
export { toReadableStream } from './to-readable-stream.ts';
export { toWritableStream } from './to-writable-stream.ts';
