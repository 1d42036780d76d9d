/**
 * Positions as scores: longitude and latitude, each in 26 bits of a grid, their bits in turns, 52 together, which a
 * double holds exactly. Cutting bits off leaves the cell of a coarser grid in which a position lies, and what lies in
 * one cell has neighbouring scores: the geohash (Gustavo Niemeyer, 2008), over the latitudes of the Mercator projection
 * as Redis has it. The order of operations on doubles is Redis's, so that cells and distances are.
 */

export const LONGITUDE_MAX = 180;
export const LATITUDE_MAX = 85.05112878;
/** Bits of each coordinate in a score. */
export const STEPS_MAX = 26;
const EARTH_RADIUS_METERS = 6372797.560856;
const RADIANS_PER_DEGREE = Math.PI / 180;
/** The usual geohash covers all latitudes. */
const GEOHASH_LATITUDE_MAX = 90;
const GEOHASH_ALPHABET = '0123456789bcdefghjkmnpqrstuvwxyz';
const GEOHASH_LETTERS = 10;

export interface Position {
  readonly longitude: number;
  readonly latitude: number;
}

/** A cell of the grid with 2^steps columns and as many rows. */
export interface Cell {
  readonly column: number;
  readonly row: number;
  readonly steps: number;
}

export interface CellEdges {
  readonly west: number;
  readonly east: number;
  readonly south: number;
  readonly north: number;
}

export function cellAt({ longitude, latitude }: Position, steps: number, latitudeMax = LATITUDE_MAX): Cell {
  const size = 2 ** steps;
  const column = Math.floor(((longitude + LONGITUDE_MAX) / (2 * LONGITUDE_MAX)) * size);
  const row = Math.floor(((latitude + latitudeMax) / (2 * latitudeMax)) * size);
  return { column, row, steps };
}

export function edgesOf({ column, row, steps }: Cell): CellEdges {
  const size = 2 ** steps;
  const longitude = (place: number) => -LONGITUDE_MAX + (place / size) * (2 * LONGITUDE_MAX);
  const latitude = (place: number) => -LATITUDE_MAX + (place / size) * (2 * LATITUDE_MAX);
  return { west: longitude(column), east: longitude(column + 1), south: latitude(row), north: latitude(row + 1) };
}

/** So many columns to the east and rows to the north; the grid goes round in both directions. */
export function neighbour({ column, row, steps }: Cell, east: number, north: number): Cell {
  const size = 2 ** steps;
  return { column: (column + east + size) % size, row: (row + north + size) % size, steps };
}

/** The lowest score in a cell, and the first behind it. */
export function scoresOf({ column, row, steps }: Cell): { readonly from: number; readonly to: number } {
  const bits = interleave(column, row);
  const width = 2 ** (2 * (STEPS_MAX - steps));
  return { from: bits * width, to: (bits + 1) * width };
}

export function scoreOf(position: Position): number {
  const { column, row } = cellAt(position, STEPS_MAX);
  return interleave(column, row);
}

/** The middle of the cell. */
export function positionOf(score: number): Position {
  const { column, row } = separate(score);
  const { west, east, south, north } = edgesOf({ column, row, steps: STEPS_MAX });
  return {
    longitude: within((west + east) / 2, LONGITUDE_MAX),
    latitude: within((south + north) / 2, LATITUDE_MAX),
  };
}

function within(value: number, max: number): number {
  return Math.max(-max, Math.min(max, value));
}

/** Eleven letters, of which the last stands for bits that a score does not have. */
export function geohashOf(score: number): string {
  const { column, row } = cellAt(positionOf(score), STEPS_MAX, GEOHASH_LATITUDE_MAX);
  let bits = interleave(column, row) / 4;
  let text = '0';
  for (let letter = 0; letter < GEOHASH_LETTERS; letter++) {
    text = GEOHASH_ALPHABET[Math.floor(bits) % 32] + text;
    bits = Math.floor(bits / 32);
  }
  return text;
}

const HALF_BITS = 13;
const HALF = 2 ** HALF_BITS;

/** Bits of column and row in turns, those of the row lowest. More than 32, so in two halves. */
function interleave(column: number, row: number): number {
  const low = spread(column % HALF) * 2 + spread(row % HALF);
  const high = spread(Math.floor(column / HALF)) * 2 + spread(Math.floor(row / HALF));
  return high * HALF * HALF + low;
}

function separate(bits: number): { column: number; row: number } {
  const low = bits % (HALF * HALF);
  const high = Math.floor(bits / (HALF * HALF));
  return {
    column: gather(Math.floor(high / 2)) * HALF + gather(Math.floor(low / 2)),
    row: gather(high) * HALF + gather(low),
  };
}

/** Puts a zero before each of 13 bits, and a 14th: the last edge of the grid is a column behind its last. */
function spread(bits: number): number {
  let spaced = 0;
  for (let bit = 0; bit <= HALF_BITS; bit++) spaced |= (bits & (1 << bit)) << bit;
  return spaced;
}

/** Every second bit, from the lowest on. */
function gather(spaced: number): number {
  let bits = 0;
  for (let bit = 0; bit <= HALF_BITS; bit++) bits |= (spaced >> bit) & (1 << bit);
  return bits;
}

// --- distances

export function radians(degrees: number): number {
  return degrees * RADIANS_PER_DEGREE;
}

/** Meters along the circle of a latitude, in its degrees; without one along a meridian. */
export function degreesOf(meters: number, latitude = 0): number {
  return meters / EARTH_RADIUS_METERS / Math.cos(radians(latitude)) / RADIANS_PER_DEGREE;
}

/** Meters along the surface of a sphere (the haversine formula). */
export function distance(one: Position, other: Position): number {
  const v = Math.sin((radians(other.longitude) - radians(one.longitude)) / 2);
  if (v === 0) return distanceOfLatitudes(one.latitude, other.latitude);
  const [latitude, otherLatitude] = [radians(one.latitude), radians(other.latitude)];
  const u = Math.sin((otherLatitude - latitude) / 2);
  const a = u * u + Math.cos(latitude) * Math.cos(otherLatitude) * v * v;
  return 2 * EARTH_RADIUS_METERS * Math.asin(Math.sqrt(a));
}

export function distanceOfLatitudes(one: number, other: number): number {
  return EARTH_RADIUS_METERS * Math.abs(radians(other) - radians(one));
}
