/** Searches by position: GEOSEARCH, GEOSEARCHSTORE, and GEORADIUS and its kin, which they replace. */
import type { Database } from '../../core/contract.ts';
import { Slice } from '../../core/slice.ts';
import { redisEntry } from '../metadata/entry.ts';
import type { Reply } from '../reply.ts';
import type { Call, Command } from '../table.ts';
import { readZset, storeMembers } from '../zsets/access.ts';
import { distanceText } from './arguments.ts';
import { type Cell, type Position, positionOf, scoresOf } from './cells.ts';
import { type Grammar, readSearch, type Search } from './search-arguments.ts';
import { cellsOf, distanceWithin, type Shape } from './shapes.ts';

interface Found {
  readonly member: Buffer;
  readonly score: number;
  readonly position: Position;
  readonly meters: number;
}

function search(grammar: Grammar): (call: Call) => void {
  return (call) => {
    const source = grammar.stores === 'always' ? 2 : 1;
    const exists = readZset(call, source);
    if (exists === undefined) return;
    const wanted = readSearch(call, grammar, source, exists);
    if (wanted === undefined) return;
    const shape = shapeOf(wanted);
    const found = exists && shape !== null ? find(call.db, call.args[source], shape, wanted) : [];
    if (wanted.storeAt > 0) store(call, wanted, found);
    else answer(call.reply, wanted, found);
  };
}

function shapeOf({ centre, lengths }: Search): Shape | null {
  if (centre === null || lengths === null) return null;
  const [width, height] = lengths.lengths;
  return height === undefined ? { kind: 'circle', centre, radius: width } : { kind: 'box', centre, width, height };
}

function find(db: Database, key: Slice, shape: Shape, { any, sort, count }: Search): Found[] {
  const limit = any ? count : 0;
  const found: Found[] = [];
  const cells = cellsOf(shape);
  let last = 0;
  for (const [place, cell] of cells.entries()) {
    // where the grid is coarse, the cell on one side may be that on the other
    if (last > 0 && isSame(cell, cells[last])) continue;
    if (limit > 0 && found.length >= limit) break;
    findIn(db, key, shape, cell, limit, found);
    last = place;
  }
  // only the nearest are wanted then
  const order = sort === 'none' && count > 0 && !any ? 'asc' : sort;
  if (order === 'asc') found.sort((one, other) => one.meters - other.meters);
  if (order === 'desc') found.sort((one, other) => other.meters - one.meters);
  return count > 0 ? found.slice(0, count) : found;
}

function isSame(one: Cell, other: Cell): boolean {
  return one.column === other.column && one.row === other.row;
}

/** Adds what lies in the cell and in the shape; with a `limit` until there are so many. */
function findIn(db: Database, key: Slice, shape: Shape, cell: Cell, limit: number, found: Found[]): void {
  const { from, to } = scoresOf(cell);
  const first = db.zsets.countBelow(key, from, false);
  const behind = db.zsets.countBelow(key, to, false);
  db.zsets.range(key, first, behind - first, 1, (member, score) => {
    if (limit > 0 && found.length >= limit) return;
    const position = positionOf(score);
    const meters = distanceWithin(shape, position);
    if (meters !== null) found.push({ member: member.copy(), score, position, meters });
  });
}

function store(call: Call, { lengths, storeAt, storesDistance }: Search, found: readonly Found[]): void {
  const unit = lengths?.unit ?? 1;
  const members = found.map(({ member, score, meters }) => ({ member, score: storesDistance ? meters / unit : score }));
  storeMembers(call, storeAt, members, new Slice());
  call.reply.integer(members.length);
}

function answer(reply: Reply, wanted: Search, found: readonly Found[]): void {
  const { withDistance, withHash, withCoordinates } = wanted;
  const unit = wanted.lengths?.unit ?? 1;
  const extras = [withDistance, withHash, withCoordinates].filter((each) => each).length;
  reply.array(found.length);
  for (const { member, score, position, meters } of found) {
    if (extras > 0) reply.array(extras + 1);
    reply.bulkBytes(member);
    if (withDistance) reply.bulkText(distanceText(meters / unit));
    if (withHash) reply.integer(score);
    if (withCoordinates) answerPosition(reply, position);
  }
}

export function answerPosition(reply: Reply, { longitude, latitude }: Position): void {
  reply.array(2);
  reply.exactDouble(longitude);
  reply.exactDouble(latitude);
}

export const searchCommands: readonly Command[] = [
  redisEntry('georadius', search({ centre: 'position', stores: 'by option' })),
  redisEntry('georadius_ro', search({ centre: 'position', stores: 'never' })),
  redisEntry('georadiusbymember', search({ centre: 'member', stores: 'by option' })),
  redisEntry('georadiusbymember_ro', search({ centre: 'member', stores: 'never' })),
  redisEntry('geosearch', search({ centre: 'options', stores: 'never' })),
  redisEntry('geosearchstore', search({ centre: 'options', stores: 'always' })),
];
