/** Arguments of the geo commands: positions, lengths and their units. */
import type { Slice } from '../../core/slice.ts';
import { doubleArgument } from '../arguments.ts';
import type { Call } from '../table.ts';
import { LATITUDE_MAX, LONGITUDE_MAX, type Position } from './cells.ts';

/** In meters. */
const UNITS: Readonly<Record<string, number>> = { m: 1, km: 1000, ft: 0.3048, mi: 1609.34 };

/** Longitude and latitude at `index`; undefined with the error written, as with all of these. */
export function positionArgument(call: Call, index: number): Position | undefined {
  const longitude = doubleArgument(call, index);
  const latitude = longitude === undefined ? undefined : doubleArgument(call, index + 1);
  if (longitude === undefined || latitude === undefined) return undefined;
  if (Math.abs(longitude) <= LONGITUDE_MAX && Math.abs(latitude) <= LATITUDE_MAX) return { longitude, latitude };
  call.reply.error(`ERR invalid longitude,latitude pair ${sixDigits(longitude)},${sixDigits(latitude)}`);
  return undefined;
}

function sixDigits(value: number): string {
  if (Number.isFinite(value)) return fixed(value, 6);
  return value > 0 ? 'inf' : '-inf';
}

/** With so many digits behind the point, however large: toFixed() has exponents from 10^21 on. */
function fixed(value: number, digits: number): string {
  if (Object.is(value, -0)) return `-${fixed(0, digits)}`;
  if (Math.abs(value) < 1e21) return value.toFixed(digits);
  return `${BigInt(value)}.${'0'.repeat(digits)}`;
}

/** As Redis writes distances. */
export function distanceText(length: number): string {
  return fixed(length, 4);
}

/** Meters in the unit at `index`. */
export function unitArgument(call: Call, index: number): number | undefined {
  const meters = metersOf(call.args[index]);
  if (meters === undefined) call.reply.error('ERR unsupported unit provided. please use M, KM, FT, MI');
  return meters;
}

function metersOf(word: Slice): number | undefined {
  const name = Object.keys(UNITS).find((unit) => word.isWord(unit));
  return name === undefined ? undefined : UNITS[name];
}

export interface Lengths {
  /** In meters. */
  readonly lengths: readonly number[];
  /** Meters in their unit, in which distances are answered. */
  readonly unit: number;
}

export function radiusArgument(call: Call, index: number): Lengths | undefined {
  const radius = doubleArgument(call, index, 'ERR need numeric radius');
  if (radius === undefined) return undefined;
  if (radius < 0) {
    call.reply.error('ERR radius cannot be negative');
    return undefined;
  }
  const unit = unitArgument(call, index + 1);
  return unit === undefined ? undefined : { lengths: [radius * unit], unit };
}

/** Width, height and unit. */
export function boxArguments(call: Call, index: number): Lengths | undefined {
  const width = doubleArgument(call, index, 'ERR need numeric width');
  const height = width === undefined ? undefined : doubleArgument(call, index + 1, 'ERR need numeric height');
  if (width === undefined || height === undefined) return undefined;
  if (width < 0 || height < 0) {
    call.reply.error('ERR height or width cannot be negative');
    return undefined;
  }
  const unit = unitArgument(call, index + 2);
  return unit === undefined ? undefined : { lengths: [width * unit, height * unit], unit };
}
