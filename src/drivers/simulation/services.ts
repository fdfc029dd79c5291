import type { SocketType } from '../../interface/index.ts';

type Transports = readonly SocketType[];
const both: Transports = ['stream', 'datagram'];
const stream: Transports = ['stream'];
const datagram: Transports = ['datagram'];

/** Of services(5), what programs ask for. */
const services: ReadonlyMap<string, readonly [port: number, transports: Transports]> = new Map([
  ['echo', [7, both]],
  ['discard', [9, both]],
  ['daytime', [13, both]],
  ['ftp-data', [20, stream]],
  ['ftp', [21, stream]],
  ['ssh', [22, stream]],
  ['telnet', [23, stream]],
  ['smtp', [25, stream]],
  ['time', [37, both]],
  ['domain', [53, both]],
  ['bootps', [67, datagram]],
  ['bootpc', [68, datagram]],
  ['tftp', [69, datagram]],
  ['finger', [79, stream]],
  ['http', [80, stream]],
  ['kerberos', [88, both]],
  ['pop3', [110, stream]],
  ['sunrpc', [111, both]],
  ['ntp', [123, datagram]],
  ['imap2', [143, stream]],
  ['snmp', [161, both]],
  ['ldap', [389, both]],
  ['https', [443, both]],
  ['syslog', [514, datagram]],
  ['submission', [587, stream]],
  ['ldaps', [636, both]],
  ['imaps', [993, stream]],
  ['pop3s', [995, stream]],
  ['socks', [1080, stream]],
  ['mysql', [3306, stream]],
  ['postgresql', [5432, stream]],
  ['amqp', [5672, stream]],
  ['redis', [6379, stream]],
  ['http-alt', [8080, both]],
] as const);

/** null: that service is not known, or not for such sockets. */
export function portOfService(service: string, type: SocketType): number | null {
  const known = services.get(service);
  return known?.[1].includes(type) ? known[0] : null;
}

/** null: nothing has that port by right. */
export function serviceOfPort(port: number, type: SocketType): string | null {
  for (const [name, [known, transports]] of services)
    if (known === port && transports.includes(type)) return name;
  return null;
}
