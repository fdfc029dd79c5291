/** The servers that the tests start. Each is one process, and ends with them. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { type AtEnd, type RealServer, realServer, type ServerKind } from './real-server.ts';

/** Who is known to those that ask for it. */
export const user = 'tulipa';
export const password = 'a secret';

/** @param pem what it has for TLS; none unless given */
export function startPostgres(
  pem?: { key: string; cert: string },
  atEnd?: AtEnd,
): Promise<RealServer | null> {
  const kind: ServerKind = {
    program: 'postgres',
    user: 'postgres',
    prepare(directory, run) {
      const secret = path.join(directory, 'secret');
      writeFileSync(secret, password);
      run(
        'initdb',
        ...[`--pgdata=${directory}/data`, `--username=${user}`, `--pwfile=${secret}`, '--auth=scram-sha-256'],
        ...['--no-sync', '--no-instructions', '--encoding=UTF8', '--locale=C'],
      );
      // Who starts it owns what `run` has made, and may read this too.
      if (pem === undefined) return;
      writeFileSync(path.join(directory, 'cert'), pem.cert);
      run('sh', '-c', `umask 077; printf '%s' '${pem.key}' > '${directory}/key'`);
    },
    args: (directory, port) => [
      ...['-D', `${directory}/data`, '-p', String(port), '-k', directory],
      ...['listen_addresses=127.0.0.1', 'fsync=off', 'max_connections=30', 'shared_buffers=16MB'].flatMap(
        (setting) => ['-c', setting],
      ),
      ...(pem === undefined
        ? []
        : ['ssl=on', `ssl_cert_file=${directory}/cert`, `ssl_key_file=${directory}/key`].flatMap(
            (setting) => ['-c', setting],
          )),
    ],
    ready: /ready to accept connections/,
    signal: 'SIGINT',
  };
  return realServer(kind, atEnd);
}

/** @param options `port`: a free one unless given; `password`: null: it asks for none */
export function startRedis(
  options: { port?: number; password?: string | null } = {},
  atEnd?: AtEnd,
): Promise<RealServer | null> {
  const secret = options.password === undefined ? password : options.password;
  const kind: ServerKind = {
    program: 'redis-server',
    port: options.port,
    args: (directory, port) => [
      ...['--port', String(port), '--bind', '127.0.0.1', '--dir', directory, '--save', ''],
      ...['--unixsocket', `${directory}/socket`],
      ...(secret === null ? [] : ['--requirepass', secret]),
    ],
    ready: /Ready to accept connections/,
  };
  return realServer(kind, atEnd);
}

export function startMariadb(): Promise<RealServer | null> {
  return realServer({
    program: 'mariadbd',
    user: 'mysql',
    prepare(directory, run) {
      run(
        'mariadb-install-db',
        `--datadir=${directory}/data`,
        '--skip-test-db',
        '--auth-root-authentication-method=normal',
      );
      const commands = `CREATE DATABASE tulipa;\nGRANT ALL ON tulipa.* TO '${user}'@'127.0.0.1' IDENTIFIED BY '${password}';`;
      writeFileSync(path.join(directory, 'init.sql'), commands);
    },
    args: (directory, port) => [
      ...['--no-defaults', `--datadir=${directory}/data`, `--port=${port}`, '--bind-address=127.0.0.1'],
      ...[`--socket=${directory}/socket`, `--pid-file=${directory}/pid`, `--init-file=${directory}/init.sql`],
      ...['--skip-name-resolve', '--innodb-buffer-pool-size=8M', '--innodb-flush-log-at-trx-commit=0'],
    ],
    ready: /ready for connections/,
  });
}

export function startMosquitto(): Promise<RealServer | null> {
  return realServer({
    program: 'mosquitto',
    args: (directory, port) => {
      const file = path.join(directory, 'mosquitto.conf');
      writeFileSync(file, `listener ${port} 127.0.0.1\nallow_anonymous true\n`);
      return ['-c', file];
    },
    ready: /running/,
  });
}

export function startNats(): Promise<RealServer | null> {
  return realServer({
    program: 'nats-server',
    args: (_directory, port) => ['-a', '127.0.0.1', '-p', String(port), '--user', user, '--pass', password],
    ready: /Server is ready/,
  });
}
