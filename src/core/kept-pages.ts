/**
 * Going on with a state transfer that was interrupted: what the receiver got of it is kept, page by page, and goes by
 * content into the next one, from whomever. Where the sender lists a key with the very digest that the kept records of
 * that key have, these are the records that the sender holds, and it need not send them.
 *
 * Why this is right. Let the sender's slots have been compared at vector C, the key listed at L, the last page be at E;
 * C ≤ L ≤ E, and the tail holds every txn from C to E.
 *   1. Equal digests: the kept records are the sender's at L, whenever and from whomever they came. So they stand for a
 *      page of this transfer, taken at L.
 *   2. They are merged as if taken at C. The vector of a page says only what its sender had seen removed. So what we hold
 *      and they lack stays if its dot is later than C, though the sender may have removed it between C and L: that removal
 *      is in the tail. Nothing is removed that the sender had not removed.
 *   3. What they hold and we lack is merged unless we have seen it, whatever C is; it may be later than C, but not than L,
 *      so that the tail holds its txn, and our vector covers it in the end. The merge checks that, dot by dot, before
 *      its first change: else our data would be ahead of our vector.
 *   4. Were they merged with our own vector, or a later one than L, what was written meanwhile would count as removed.
 * The odds that other records have the same digest are 1 in 2^64 a key.
 */
import { ByteWriter, MalformedError } from './bytes.ts';
import { KeyDigest } from './key-digest.ts';
import { encodePage, forEachRecord, openPage, type PageFields, replicasOf } from './page.ts';
import type { Records } from './records.ts';
import { wordOf } from './version.ts';

export interface Matched {
  /** Pages of the records that the sender holds as well. */
  readonly kept: Uint8Array[];
  /** Pages of the others. */
  readonly rest: Uint8Array[];
  /** Fingerprints of the keys in `kept`. */
  readonly names: ReadonlySet<string>;
}

/** All records of one key, as they stand in a page. */
interface KeptKey {
  readonly name: string;
  readonly digest: string;
  readonly records: readonly Buffer[];
}

export class KeptPages {
  private readonly records: Records;
  private readonly digests = new KeyDigest();

  constructor(records: Records) {
    this.records = records;
  }

  /** What of the pages a sender holds that lists its keys so: digest by fingerprint. */
  match(pages: readonly Uint8Array[], listed: ReadonlyMap<string, string>): Matched {
    const kept: Uint8Array[] = [];
    const rest: Uint8Array[] = [];
    const names = new Set<string>();
    for (const bytes of pages) {
      const page = this.read(bytes);
      if (page === null) continue;
      const matching = new ByteWriter();
      const others = new ByteWriter();
      for (const { name, digest, records } of page.keys) {
        const matches = listed.get(name) === digest && !names.has(name);
        if (matches) names.add(name);
        const into = matches ? matching : others;
        for (const record of records) into.run(record, 0, record.length);
      }
      if (matching.at > 0) kept.push(encodePage({ ...page.fields, d: matching.copy() }));
      if (others.at > 0) rest.push(matching.at > 0 ? encodePage({ ...page.fields, d: others.copy() }) : bytes);
    }
    return { kept, rest, names };
  }

  /** Null: malformed, which its sender, who is gone, would have been told at the merge. Nobody else is to blame. */
  private read(bytes: Uint8Array): { fields: PageFields; keys: KeptKey[] } | null {
    try {
      const fields = openPage(bytes);
      return { fields, keys: this.keysOf(fields) };
    } catch (error) {
      if (error instanceof MalformedError) return null;
      throw error;
    }
  }

  private keysOf(fields: PageFields): KeptKey[] {
    const { digests } = this;
    const ids = replicasOf(fields);
    const words = ids.map(wordOf);
    const indexes = ids.map((_, index) => index);
    const keys: KeptKey[] = [];
    let records: Buffer[] = [];
    let previous = { database: -1, key: '' };
    const end = () => {
      if (records.length === 0) return;
      const entry = digests.entry();
      keys.push({ name: entry.toString('latin1', 0, 8), digest: entry.toString('latin1', 8, 16), records });
      records = [];
    };
    forEachRecord(fields, (name, value) => {
      const { keyspace, key, kind } = this.records.parseName(name);
      const current = { database: keyspace.index, key: key.latin1() };
      if (current.database !== previous.database || current.key !== previous.key) {
        end();
        digests.begin(keyspace.index, key);
        previous = current;
      }
      digests.add(kind, name, value, words, indexes);
      records.push(name, value);
    });
    end();
    return keys;
  }
}
