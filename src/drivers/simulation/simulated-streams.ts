import type {
  Completion,
  InternetAddress,
  Listener,
  ListenerSink,
  ListenOptions,
  Operation,
  StreamChannel,
  StreamOperations,
  StreamOptions,
  StreamTarget,
  SystemError,
} from '../../interface/index.ts';
import { describeAddress } from '../common/describe-address.ts';
import { canonicalHost, isLoopback, isWildcard } from './addresses.ts';
import { type KernelErrorCode, kernelError } from './kernel-error.ts';
import { SimulatedConnect } from './simulated-connect.ts';
import { SimulatedListener } from './simulated-listener.ts';
import { SimulatedStreamChannel } from './simulated-stream-channel.ts';
import type { SocketProgram } from './socket-program.ts';
import { pathBytesMax } from './unix-names.ts';

type InternetTarget = StreamTarget & { kind: 'internet' };
type UnixTarget = StreamTarget & { kind: 'unix' };

/** How long a kernel asks around for the machine that has an address of its own network: three times a second. @see arp(7) */
const askingAround = 3000;

/** TCP between and within machines; Unix sockets within each. */
export class SimulatedStreams implements StreamOperations {
  readonly #program: SocketProgram;

  constructor(program: SocketProgram) {
    this.#program = program;
  }

  connect(target: StreamTarget, options: StreamOptions, completion: Completion<StreamChannel>): Operation {
    return target.kind === 'unix'
      ? this.#connectUnix(target, completion)
      : this.#connect(target, options, completion);
  }

  listen(
    target: StreamTarget,
    options: ListenOptions,
    sink: ListenerSink,
    completion: Completion<Listener>,
  ): Operation {
    const listener =
      target.kind === 'unix' ? this.#listenUnix(target, options, sink) : this.#listen(target, options, sink);
    if (!(listener instanceof SimulatedListener))
      return this.#program.tell(() => completion.failed(listener));
    return this.#program.tell(
      () => completion.succeeded(listener),
      () => listener.close(),
    );
  }

  #connect(target: InternetTarget, options: StreamOptions, completion: Completion<StreamChannel>): Operation {
    const { localAddress } = options;
    const from = localAddress === undefined ? '' : ` from ${describeAddress(localAddress)}`;
    const doing = `connect to ${describeAddress(target)}${from}`;
    const fail = (
      syscall: string,
      code: KernelErrorCode,
      named: { host: string; port: number },
      delay = 0,
    ) => {
      const error = kernelError(doing, syscall, code, { address: named.host, port: named.port });
      return this.#failLater(delay, error, completion);
    };
    const { machine } = this.#program;
    const { network, kernel } = { network: machine.world.network, kernel: machine.kernel };
    const { family, port } = target;
    const host = canonicalHost(target.host);

    if (localAddress !== undefined && !machine.has(canonicalHost(localAddress.host)))
      return fail('bind', 'EADDRNOTAVAIL', localAddress);
    const near =
      localAddress === undefined ? machine.sourceOf(host, family) : canonicalHost(localAddress.host);
    const claim = kernel.tcp.claim(family, near, localAddress?.port ?? 0, false, this);
    if (claim === 'EADDRINUSE') {
      return localAddress === undefined
        ? fail('connect', 'EADDRNOTAVAIL', target)
        : fail('bind', 'EADDRINUSE', localAddress);
    }
    const release = () => kernel.tcp.release(claim);
    const found = network.route(machine, host);
    if (found === null) {
      release();
      const code = network.unreachable(host);
      return fail('connect', code, target, code === 'EHOSTUNREACH' ? askingAround : 0);
    }
    if (found !== machine && isLoopback(near)) {
      release();
      return fail('connect', 'EINVAL', target);
    }
    const source = isWildcard(near) ? machine.sourceOf(host, family) : near;
    const sourceAddress: InternetAddress = { host: source, port: claim.port, family };
    const to: InternetAddress = { host: isWildcard(host) ? source : host, port, family };
    const request = { doing, from: sourceAddress, to, named: target.host, machine: found, release };
    return new SimulatedConnect(this.#program, request, completion);
  }

  #connectUnix({ path }: UnixTarget, completion: Completion<StreamChannel>): Operation {
    const program = this.#program;
    const fail = (code: KernelErrorCode) => {
      const error = kernelError(`connect to ${describeAddress({ path })}`, 'connect', code, {
        address: path,
      });
      return program.tell(() => completion.failed(error));
    };
    if (isTooLong(path)) return fail('EINVAL');
    const listener = program.machine.kernel.unixNames.at(path);
    if (typeof listener === 'string') return fail(listener);
    if (!(listener instanceof SimulatedListener)) return fail('EPROTOTYPE');
    if (listener.full) return fail('EAGAIN');
    const near = new SimulatedStreamChannel(program, { path: '' }, { path });
    const far = new SimulatedStreamChannel(listener.program, { path }, { path: '' });
    SimulatedStreamChannel.join(near, far);
    listener.begin(far);
    far.open(false);
    near.open(true);
    return program.tell(
      () => completion.succeeded(near),
      () => near.close(),
    );
  }

  #listen(
    target: InternetTarget,
    options: ListenOptions,
    sink: ListenerSink,
  ): SimulatedListener | SystemError {
    const doing = `listen on ${describeAddress(target)}`;
    const named = { address: target.host, port: target.port };
    const { machine } = this.#program;
    const { kernel } = machine;
    const { family } = target;
    const host = canonicalHost(target.host);
    if (!machine.has(host)) return kernelError(doing, 'bind', 'EADDRNOTAVAIL', named);
    const listener = new SimulatedListener(this.#program, { host, port: target.port, family }, options, sink);
    const claim = kernel.tcp.claim(family, host, target.port, options.reusePort, listener);
    if (claim === 'EADDRINUSE') {
      listener.close();
      return kernelError(doing, 'bind', 'EADDRINUSE', named);
    }
    listener.bound({ host, port: claim.port, family }, () => kernel.tcp.release(claim));
    return listener;
  }

  #listenUnix(
    { path }: UnixTarget,
    options: ListenOptions,
    sink: ListenerSink,
  ): SimulatedListener | SystemError {
    const doing = `listen on ${describeAddress({ path })}`;
    if (isTooLong(path)) return kernelError(doing, 'bind', 'EINVAL', { address: path });
    const { unixNames } = this.#program.machine.kernel;
    const listener = new SimulatedListener(this.#program, { path }, options, sink);
    if (!unixNames.claim(path, listener)) {
      listener.close();
      return kernelError(doing, 'bind', 'EADDRINUSE', { address: path });
    }
    const keepFile = options.keepFile === true;
    listener.bound({ path }, () => unixNames.release(path, listener, { keepFile }));
    return listener;
  }

  #failLater(delay: number, error: SystemError, completion: Completion<StreamChannel>): Operation {
    const program = this.#program;
    if (delay === 0) return program.tell(() => completion.failed(error));
    const { world } = program.machine;
    let telling: Operation | null = null;
    const event = world.schedule(delay, {
      run: () => {
        telling = program.tell(() => completion.failed(error));
      },
    });
    let over = false;
    return {
      cancel: () => {
        if (over) return;
        over = true;
        if (telling === null) world.cancel(event);
        else telling.cancel();
      },
    };
  }
}

function isTooLong(path: string): boolean {
  return new TextEncoder().encode(path).length > pathBytesMax;
}
