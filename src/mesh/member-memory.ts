/** How the members, and who was forgotten, are remembered over restarts: a small JSON file that is whole or as it was. */
import { readFileSync } from 'node:fs';
import type { ReplicaId, UnixMs, VersionVector } from '../core/contract.ts';
import { type ForgottenMember, isForgottenMember } from './forgotten.ts';
import { writeWhole } from './whole-file.ts';

export interface Member {
  peerId: string;
  replica: ReplicaId;
  vector: VersionVector;
  region: string;
  zone: string;
  addresses: string[];
  lastSeenMs: UnixMs;
  /** Its clock up to which everything it wrote has been applied here. */
  heardMs: UnixMs;
}

/** Where the members are remembered over restarts. */
export interface MemberMemory {
  /** For the log. */
  readonly name: string;
  /** Null if nothing was written yet. Throws where it cannot be read. */
  read(): string | null;
  /** On the platter when it returns; throws where it cannot be. */
  write(text: string): void;
}

export interface Remembered {
  readonly members: readonly Member[];
  readonly forgotten: readonly ForgottenMember[];
}

/** A file that is whole or as it was, whenever the machine stops. */
export function fileMemory(file: string): MemberMemory {
  return {
    name: file,
    read() {
      try {
        return readFileSync(file, 'utf8');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
        throw error;
      }
    },
    write: (text) => writeWhole(file, text),
  };
}

/** A line a member: in a large cluster their vectors are long. Throws where it cannot be written. */
export function writeMemory(memory: MemberMemory, remembered: Remembered): void {
  const members = remembered.members.map((member) => JSON.stringify(member));
  memory.write(`{"members": [\n${members.join(',\n')}\n],\n"forgotten": ${JSON.stringify(remembered.forgotten)}}\n`);
}

/** A node must start without the memory of its members: they find each other again, or are told of. */
export function readMemory(memory: MemberMemory, log: { warn(details: object, message: string): void }): Remembered {
  const text = memory.read();
  if (text === null) return { members: [], forgotten: [] };
  try {
    return parse(JSON.parse(text));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    log.warn({ file: memory.name, reason }, 'the remembered members cannot be read: going on without them');
    return { members: [], forgotten: [] };
  }
}

/** A bare list of members is how it was written before members were fenced. */
function parse(content: unknown): Remembered {
  const { members, forgotten } = Array.isArray(content)
    ? { members: content, forgotten: [] }
    : (content as Record<string, unknown>);
  if (!Array.isArray(members) || !members.every(isMember)) throw new Error('not a list of members');
  if (!Array.isArray(forgotten)) throw new Error('not a list of forgotten members');
  // how notes were written before they told which act they are of
  const notes = forgotten.map((note: object) => ({ act: '', ...note }));
  if (!notes.every(isForgottenMember)) throw new Error('not a list of forgotten members');
  return { members, forgotten: notes };
}

function isMember(value: unknown): value is Member {
  if (typeof value !== 'object' || value === null) return false;
  const { peerId, replica, vector, region, zone, addresses, lastSeenMs, heardMs } = value as Record<string, unknown>;
  return (
    [peerId, replica, region, zone].every((each) => typeof each === 'string') &&
    [lastSeenMs, heardMs].every((each) => typeof each === 'number') &&
    Array.isArray(addresses) &&
    addresses.every((each) => typeof each === 'string') &&
    Array.isArray(vector) &&
    vector.every((each) => typeof each?.replica === 'string' && typeof each.number === 'number')
  );
}
