/** The arguments of a search by position, in both of their grammars: GEOSEARCH's options, and the older GEORADIUS's. */
import type { Slice } from '../../core/slice.ts';
import { integerArgument } from '../arguments.ts';
import { Errors } from '../reply.ts';
import type { Call } from '../table.ts';
import { boxArguments, type Lengths, positionArgument, radiusArgument } from './arguments.ts';
import { type Position, positionOf } from './cells.ts';

/** What the name of a command says of its arguments. */
export interface Grammar {
  /** What tells the centre: arguments behind the key, or options. */
  readonly centre: 'position' | 'member' | 'options';
  /** By the options STORE and STOREDIST, or as the name says: to a key that comes before the source. */
  readonly stores: 'never' | 'by option' | 'always';
}

export interface Search {
  /** What has told the centre. */
  from: 'nothing' | 'position' | 'member';
  /** Null: the member of a key that is not there. */
  centre: Position | null;
  /** One length is the radius of a circle, two are the sides of a box. */
  lengths: Lengths | null;
  withDistance: boolean;
  withHash: boolean;
  withCoordinates: boolean;
  any: boolean;
  sort: 'none' | 'asc' | 'desc';
  /** 0: all. */
  count: number;
  /** Argument of the destination; 0: none. */
  storeAt: number;
  storesDistance: boolean;
}

/** `source`: argument of the key; `exists`: it is there. Undefined with the error written, as with all of these. */
export function readSearch(call: Call, grammar: Grammar, source: number, exists: boolean): Search | undefined {
  const search: Search = {
    from: 'nothing',
    centre: null,
    lengths: null,
    withDistance: false,
    withHash: false,
    withCoordinates: false,
    any: false,
    sort: 'none',
    count: 0,
    storeAt: grammar.stores === 'always' ? 1 : 0,
    storesDistance: false,
  };
  const reader = new SearchReader(call, grammar, source, exists, search);
  return reader.read() ? search : undefined;
}

/** Reads from left to right and stops at the first error. */
class SearchReader {
  private readonly call: Call;
  private readonly grammar: Grammar;
  private readonly source: number;
  private readonly exists: boolean;
  private readonly search: Search;
  private at: number;

  constructor(call: Call, grammar: Grammar, source: number, exists: boolean, search: Search) {
    this.call = call;
    this.grammar = grammar;
    this.source = source;
    this.exists = exists;
    this.search = search;
    this.at = source + 1;
  }

  read(): boolean {
    if (this.grammar.centre !== 'options' && !this.readCircle(this.grammar.centre)) return false;
    while (this.at < this.call.argc) if (!this.readOption()) return false;
    const error = this.misuse();
    return error === null || this.refuse(error);
  }

  private refuse(error: string): false {
    this.call.reply.error(error);
    return false;
  }

  /** Where GEORADIUS and its kin have it. Without a source the circle around a member is not looked at. */
  private readCircle(centre: 'position' | 'member'): boolean {
    const width = centre === 'position' ? 2 : 1;
    if (centre === 'position' || this.exists) {
      if (centre === 'position' ? !this.readPosition(this.at) : !this.readMember(this.at)) return false;
      if (!this.readLengths(radiusArgument(this.call, this.at + width))) return false;
    }
    this.at += width + 2;
    return true;
  }

  private readPosition(at: number): boolean {
    const position = positionArgument(this.call, at);
    if (position === undefined) return false;
    this.search.centre = position;
    this.search.from = 'position';
    return true;
  }

  private readMember(at: number): boolean {
    const { args, db } = this.call;
    this.search.from = 'member';
    if (!this.exists) return true;
    const score = db.zsets.score(args[this.source], args[at]);
    if (Number.isNaN(score)) return this.refuse('ERR could not decode requested zset member');
    this.search.centre = positionOf(score);
    return true;
  }

  private readLengths(lengths: Lengths | undefined): boolean {
    if (lengths === undefined) return false;
    this.search.lengths = lengths;
    return true;
  }

  private readOption(): boolean {
    const { call, grammar, search } = this;
    const word = call.args[this.at];
    const left = call.argc - this.at - 1;
    if (readWord(word, search)) return this.goOn(1);
    if (word.isWord('count') && left >= 1) return this.readCount() && this.goOn(2);
    if (grammar.stores === 'by option' && (word.isWord('store') || word.isWord('storedist')) && left >= 1) {
      search.storeAt = this.at + 1;
      search.storesDistance = word.isWord('storedist');
      return this.goOn(2);
    }
    if (grammar.centre !== 'options') return this.refuse(Errors.syntax);
    if (grammar.stores === 'always' && word.isWord('storedist')) {
      search.storesDistance = true;
      return this.goOn(1);
    }
    return this.readShape(word, left);
  }

  private goOn(count: number): true {
    this.at += count;
    return true;
  }

  private readCount(): boolean {
    const count = integerArgument(this.call, this.at + 1);
    if (count === undefined) return false;
    if (count <= 0) return this.refuse('ERR COUNT must be > 0');
    this.search.count = Number(count);
    return true;
  }

  /** Of two that tell the same thing the later counts; one that tells it in another way is refused. */
  private readShape(word: Slice, left: number): boolean {
    const { call, search } = this;
    const sides = search.lengths?.lengths.length ?? 0;
    const next = this.at + 1;
    if (word.isWord('frommember') && left >= 1 && search.from !== 'position')
      return this.readMember(next) && this.goOn(2);
    if (word.isWord('fromlonlat') && left >= 2 && search.from !== 'member')
      return this.readPosition(next) && this.goOn(3);
    if (word.isWord('byradius') && left >= 2 && sides !== 2)
      return this.readLengths(radiusArgument(call, next)) && this.goOn(3);
    if (word.isWord('bybox') && left >= 3 && sides !== 1)
      return this.readLengths(boxArguments(call, next)) && this.goOn(4);
    return this.refuse(Errors.syntax);
  }

  private misuse(): string | null {
    const { call, grammar, search } = this;
    const shows = search.withDistance || search.withHash || search.withCoordinates;
    if (search.storeAt > 0 && shows) {
      const who = grammar.stores === 'always' ? 'GEOSEARCHSTORE' : 'STORE option in GEORADIUS';
      return `ERR ${who} is not compatible with WITHDIST, WITHHASH and WITHCOORD options`;
    }
    const name = call.args[0].text();
    if (grammar.centre === 'options' && search.from === 'nothing')
      return `ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for ${name}`;
    if (grammar.centre === 'options' && search.lengths === null)
      return `ERR exactly one of BYRADIUS and BYBOX can be specified for ${name}`;
    return search.any && search.count === 0 ? 'ERR the ANY argument requires COUNT argument' : null;
  }
}

function readWord(word: Slice, search: Search): boolean {
  if (word.isWord('withdist')) search.withDistance = true;
  else if (word.isWord('withhash')) search.withHash = true;
  else if (word.isWord('withcoord')) search.withCoordinates = true;
  else if (word.isWord('any')) search.any = true;
  else if (word.isWord('asc')) search.sort = 'asc';
  else if (word.isWord('desc')) search.sort = 'desc';
  else return false;
  return true;
}
