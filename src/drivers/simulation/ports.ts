import type { AddressFamily } from '../../interface/index.ts';
import { isWildcard } from './addresses.ts';

/** What Linux gives out by itself. @see ip(7), ip_local_port_range */
const firstEphemeral = 32_768;
const lastEphemeral = 60_999;

/** A port that somebody has, at one address of the machine or, by the wildcard, at all of that family. */
export interface PortClaim<Owner> {
  readonly family: AddressFamily;
  /** canonical */
  readonly host: string;
  readonly port: number;
  readonly shared: boolean;
  readonly owner: Owner;
}

/** Who has which port of a machine, for one kind of sockets. Those of IPv4 and of IPv6 are apart. */
export class Ports<Owner> {
  readonly #claims = new Map<number, PortClaim<Owner>[]>();
  #nextEphemeral = firstEphemeral;

  /**
   * @param host canonical, and one of the machine's
   * @param port 0: one that nobody has
   * @param shared several may have it, if all of them say so (SO_REUSEPORT)
   */
  claim(
    family: AddressFamily,
    host: string,
    port: number,
    shared: boolean,
    owner: Owner,
  ): PortClaim<Owner> | 'EADDRINUSE' {
    const given = port === 0 ? this.#ephemeral(family) : port;
    if (given === null || (port !== 0 && this.#isTaken(family, host, port, shared))) return 'EADDRINUSE';
    const claim = { family, host, port: given, shared, owner };
    const claims = this.#claims.get(key(family, given));
    if (claims === undefined) this.#claims.set(key(family, given), [claim]);
    else claims.push(claim);
    return claim;
  }

  /** Idempotent. */
  release(claim: PortClaim<Owner>): void {
    const at = key(claim.family, claim.port);
    const claims = this.#claims.get(at);
    const index = claims?.indexOf(claim) ?? -1;
    if (claims === undefined || index === -1) return;
    claims.splice(index, 1);
    if (claims.length === 0) this.#claims.delete(at);
  }

  /**
   * Who has the port at that address: of those, the ones that asked for exactly that address, if any did. Several only
   * where it is shared, in the order in which they came.
   */
  at(family: AddressFamily, host: string, port: number): readonly PortClaim<Owner>[] {
    const claims = this.#claims.get(key(family, port));
    if (claims === undefined) return [];
    if (claims.length === 1) return covers(claims[0] as PortClaim<Owner>, host) ? claims : [];
    const exact = claims.filter((claim) => claim.host === host);
    return exact.length > 0 ? exact : claims.filter((claim) => isWildcard(claim.host));
  }

  clear(): void {
    this.#claims.clear();
  }

  #isTaken(family: AddressFamily, host: string, port: number, shared: boolean): boolean {
    const claims = this.#claims.get(key(family, port)) ?? [];
    return claims.some(
      (claim) =>
        (claim.host === host || isWildcard(host) || isWildcard(claim.host)) && !(shared && claim.shared),
    );
  }

  /** One after the other, so that one that was given back is not another's at once. */
  #ephemeral(family: AddressFamily): number | null {
    for (let tries = firstEphemeral; tries <= lastEphemeral; tries++) {
      const port = this.#nextEphemeral;
      this.#nextEphemeral = port === lastEphemeral ? firstEphemeral : port + 1;
      if (!this.#claims.has(key(family, port))) return port;
    }
    return null;
  }
}

function key(family: AddressFamily, port: number): number {
  return family * 65_536 + port;
}

function covers(claim: { readonly host: string }, host: string): boolean {
  return claim.host === host || isWildcard(claim.host);
}
