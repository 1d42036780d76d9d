/** LCS: the longest common subsequence of two values, by the usual table of lengths. */
import { KeyType } from '../core/contract.ts';
import { Slice } from '../core/slice.ts';
import { numberArgument } from './arguments.ts';
import { Errors } from './reply.ts';
import type { Call, Command } from './table.ts';

interface LcsOptions {
  length: boolean;
  index: boolean;
  matchLengthMin: number;
  withMatchLength: boolean;
}

interface Match {
  a: [number, number];
  b: [number, number];
}

const BYTES_PER_CELL = 4;

export const lcsCommand: Command = {
  name: 'lcs',
  arity: -3,
  flags: ['readonly'],
  keys: [1, 2, 1],
  acl: ['string'],
  since: '7.0.0',
  group: 'string',
  summary: 'The longest common subsequence of two values.',
  complexity: 'O(N*M), the lengths of the values',
  run(call) {
    const a = readString(call, call.args[1]);
    const b = readString(call, call.args[2]);
    if (a === undefined || b === undefined) {
      call.reply.error('ERR The specified keys must contain string values');
      return;
    }
    const options = parseOptions(call);
    if (options === undefined) return;
    if ((a.length + 1) * (b.length + 1) * BYTES_PER_CELL > call.services.config.limits.protoMaxBulkLength) {
      call.reply.error('ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len');
      return;
    }
    answer(call, a, b, options);
  },
};

/** An owned copy, as both values are needed at once; empty if there is none. Undefined for another type. */
function readString({ db, services }: Call, key: Slice): Buffer | undefined {
  const value = new Slice();
  const type = db.strings.read(key, value);
  if (type === KeyType.none) services.statistics.keyspaceMisses++;
  else services.statistics.keyspaceHits++;
  if (type === KeyType.none) return Buffer.alloc(0);
  return type === KeyType.string ? value.copy() : undefined;
}

function parseOptions(call: Call): LcsOptions | undefined {
  const { args, argc, reply } = call;
  const options: LcsOptions = { length: false, index: false, matchLengthMin: 0, withMatchLength: false };
  for (let i = 3; i < argc; i++) {
    if (args[i].isWord('idx')) options.index = true;
    else if (args[i].isWord('len')) options.length = true;
    else if (args[i].isWord('withmatchlen')) options.withMatchLength = true;
    else if (args[i].isWord('minmatchlen') && i + 1 < argc) {
      const length = numberArgument(call, ++i);
      if (length === undefined) return undefined;
      options.matchLengthMin = Math.max(0, length);
    } else {
      reply.error(Errors.syntax);
      return undefined;
    }
  }
  if (options.length && options.index) {
    reply.error('ERR If you want both the length and indexes, please just use IDX.');
    return undefined;
  }
  return options;
}

function answer({ reply }: Call, a: Buffer, b: Buffer, options: LcsOptions): void {
  const width = b.length + 1;
  const lengths = new Uint32Array((a.length + 1) * width);
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      lengths[i * width + j] =
        a[i - 1] === b[j - 1]
          ? lengths[(i - 1) * width + j - 1] + 1
          : Math.max(lengths[(i - 1) * width + j], lengths[i * width + j - 1]);
    }
  }
  const total = lengths[a.length * width + b.length];
  if (options.length) {
    reply.integer(total);
    return;
  }
  const { text, matches } = trace(a, b, lengths, total);
  if (!options.index) {
    reply.bulkBytes(text);
    return;
  }
  const shown = matches.filter((match) => match.a[1] - match.a[0] + 1 >= options.matchLengthMin);
  reply.map(2);
  reply.bulkText('matches');
  reply.array(shown.length);
  for (const match of shown) {
    reply.array(options.withMatchLength ? 3 : 2);
    for (const range of [match.a, match.b]) {
      reply.array(2);
      reply.integer(range[0]);
      reply.integer(range[1]);
    }
    if (options.withMatchLength) reply.integer(match.a[1] - match.a[0] + 1);
  }
  reply.bulkText('len');
  reply.integer(total);
}

/** Walks the table back: the subsequence, and its runs from the last to the first. */
function trace(a: Buffer, b: Buffer, lengths: Uint32Array, total: number): { text: Buffer; matches: Match[] } {
  const width = b.length + 1;
  const text = Buffer.alloc(total);
  const matches: Match[] = [];
  let run: Match | null = null;
  let at = total;
  for (let i = a.length, j = b.length; i > 0 && j > 0; ) {
    if (a[i - 1] === b[j - 1]) {
      text[--at] = a[i - 1];
      if (run !== null && run.a[0] === i && run.b[0] === j) {
        run.a[0] = i - 1;
        run.b[0] = j - 1;
      } else {
        if (run !== null) matches.push(run);
        run = { a: [i - 1, i - 1], b: [j - 1, j - 1] };
      }
      i--;
      j--;
    } else if (lengths[(i - 1) * width + j] > lengths[i * width + j - 1]) i--;
    else j--;
  }
  if (run !== null) matches.push(run);
  return { text, matches };
}
