/** Redis's forms of `bind`: `*` for every IPv4 address, `::*` for every IPv6 one, `-` before one that may be missing. */
import { networkInterfaces } from 'node:os';

const EVERY: Readonly<Record<string, string>> = { '*': '0.0.0.0', '::*': '::' };

/** The addresses to listen on. `present` are those of this machine. */
export function bindAddresses(words: readonly string[], present: readonly string[] = ownAddresses()): string[] {
  return words.flatMap((word) => {
    const optional = word.startsWith('-');
    const named = optional ? word.slice(1) : word;
    const address = EVERY[named] ?? named;
    return !optional || isPresent(address, present) ? [address] : [];
  });
}

/** Where a client on this machine reaches a server that listens on `address`. */
export function reachableAddress(address: string): string {
  if (address === '0.0.0.0') return '127.0.0.1';
  return address === '::' ? '::1' : address;
}

function isPresent(address: string, present: readonly string[]): boolean {
  if (address === '0.0.0.0') return true;
  return address === '::' ? present.some((each) => each.includes(':')) : present.includes(address);
}

function ownAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((interfaces = []) => interfaces.map(({ address }) => address));
}
