import type { BaseProtocol, EventLoop } from '../interface/index.ts';
import { hasOwnWorld, warn } from '../loop/index.ts';
import type { StreamReader } from './stream-reader.ts';

interface Endpoint {
  readonly transport: Closable;
  /** that of the writer: under another one, the transport is not ours any more */
  readonly protocol: BaseProtocol;
  readonly loop: EventLoop;
}

interface Closable {
  isClosing(): boolean;
  close(): void;
  getProtocol(): BaseProtocol;
  toString(): string;
}

let registry: FinalizationRegistry<Endpoint> | null = null;

/** A reader keeps its writer: whoever reads on, and needs no writer, has not dropped the connection. */
const writers = new WeakMap<StreamReader, object>();

/**
 * Closes the writer's transport, with a warning, once the writer and its reader are collected and nobody has closed it;
 * if the loop is closed already, it only warns. In a simulation nobody is to notice when garbage is collected: there, what is
 * dropped stays open until the loop is closed.
 *
 * Nothing that is in use is closed: a task that waits holds what it waits for and is held by the loop, so that nobody
 * can reach what is collected. Only whoever wants nothing of a connection but that it be there has to hold it.
 */
export function closeWhenDropped(
  writer: { readonly transport: Closable },
  reader: StreamReader | null,
  loop: EventLoop,
): void {
  if (hasOwnWorld(loop)) return;
  if (reader !== null) writers.set(reader, writer);
  registry ??= new FinalizationRegistry(closeDropped);
  const { transport } = writer;
  registry.register(writer, { transport, protocol: transport.getProtocol(), loop });
}

function closeDropped({ transport, protocol, loop }: Endpoint): void {
  if (transport.isClosing() || transport.getProtocol() !== protocol) return;
  const consequence = loop.isClosed() ? 'its loop is closed already' : 'it is closed now';
  warn('UnclosedWriterWarning', `A writer was dropped unclosed, ${consequence}: ${transport}`);
  if (!loop.isClosed()) transport.close();
}
