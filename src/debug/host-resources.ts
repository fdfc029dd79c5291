/** What Node's own name for a resource means to a program; what is missing here is called by Node's name. */
const kinds: Readonly<Record<string, string>> = {
  Timeout: 'timer',
  Immediate: 'immediate',
  ELDHISTOGRAM: 'timer',
  TCPWRAP: 'socket',
  PIPEWRAP: 'socket',
  UDPWRAP: 'socket',
  TCPSERVERWRAP: 'server',
  PIPESERVERWRAP: 'server',
  TTYWRAP: 'terminal',
  FSREQCALLBACK: 'thread pool',
  FSREQPROMISE: 'thread pool',
  FILEHANDLECLOSEREQ: 'thread pool',
  ZLIB: 'thread pool',
  GETADDRINFOREQWRAP: 'name look-up',
  GETNAMEINFOREQWRAP: 'name look-up',
  QUERYWRAP: 'name look-up',
  PROCESSWRAP: 'child process',
  SIGNALWRAP: 'signal',
  FSEVENTWRAP: 'file watcher',
  STATWATCHER: 'file watcher',
  WORKER: 'thread',
  MESSAGEPORT: 'message port',
};

/**
 * Resources nothing comes of but by microtasks, in the same call, or by another resource: a request to a socket goes with
 * the socket, as TLS and HTTP do with the one below; an open file does nothing until it is read.
 */
const aside = new Set([
  'PROMISE',
  'TickObject',
  'Microtask',
  'HTTPINCOMINGMESSAGE',
  'HTTPCLIENTREQUEST',
  'HTTP2SESSION',
  'HTTP2STREAM',
  'HTTP2PING',
  'HTTP2SETTINGS',
  'TLSWRAP',
  'JSSTREAM',
  'JSUDPWRAP',
  'STREAMPIPE',
  'TCPCONNECTWRAP',
  'PIPECONNECTWRAP',
  'UDPSENDWRAP',
  'WRITEWRAP',
  'SHUTDOWNWRAP',
  'BLOBREADER',
  'DIRHANDLE',
  'DNSCHANNEL',
  'FILEHANDLE',
  'INSPECTORJSBINDING',
]);

/**
 * What kind of work of Node's own loop a resource is, by Node's name for it, as its async hooks tell it: 'timer', 'socket',
 * 'thread pool'; null: none.
 */
export function kindOfResource(type: string): string | null {
  if (aside.has(type)) return null;
  return kinds[type] ?? (isThreadJob(type) ? 'thread pool' : type);
}

/** True for a job of cryptography, which is made for what blocks as well: only when it is run one can tell. */
export function isThreadJob(type: string): boolean {
  return type.endsWith('REQUEST') && !aside.has(type);
}

/** True for what makes sockets by itself, when somebody connects. */
export function isServer(type: string): boolean {
  return type.endsWith('SERVERWRAP');
}
