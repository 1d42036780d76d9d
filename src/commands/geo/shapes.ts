/** What a search by position looks for, a circle or a box, and in which cells of the grid what it holds may lie. */
import {
  type Cell,
  cellAt,
  degreesOf,
  distance,
  distanceOfLatitudes,
  edgesOf,
  neighbour,
  type Position,
  STEPS_MAX,
} from './cells.ts';

/** Lengths in meters. */
export type Shape =
  | { readonly kind: 'circle'; readonly centre: Position; readonly radius: number }
  | { readonly kind: 'box'; readonly centre: Position; readonly width: number; readonly height: number };

/** Half of the equator in the Mercator projection, in meters. */
const MERCATOR_MAX = 20037726.37;

/** Meters from the centre; null outside the shape. */
export function distanceWithin(shape: Shape, position: Position): number | null {
  const { centre } = shape;
  if (shape.kind === 'circle') {
    const meters = distance(centre, position);
    return meters > shape.radius ? null : meters;
  }
  if (distanceOfLatitudes(position.latitude, centre.latitude) > shape.height / 2) return null;
  const across = distance(position, { longitude: centre.longitude, latitude: position.latitude });
  return across > shape.width / 2 ? null : distance(centre, position);
}

/**
 * The cells that hold the shape: the one of its centre and those around it that it may reach, in Redis's order, which a
 * search without ASC or DESC shows. Two may be the same where the grid is so coarse that it goes round.
 */
export function cellsOf(shape: Shape): Cell[] {
  const { centre } = shape;
  const bounds = boundsOf(shape);
  let steps = stepsFor(reachOf(shape), centre.latitude);
  if (steps > 1 && !reachesAround(cellWithin(centre, steps), bounds)) steps--;
  const middle = cellWithin(centre, steps);
  const edges = edgesOf(middle);
  const cells = [middle];
  for (const [east, north] of AROUND) {
    const useless =
      steps >= 2 &&
      ((north < 0 && edges.south < bounds.south) ||
        (north > 0 && edges.north > bounds.north) ||
        (east < 0 && edges.west < bounds.west) ||
        (east > 0 && edges.east > bounds.east));
    if (!useless) cells.push(neighbour(middle, east, north));
  }
  return cells;
}

/** The last edge of the grid belongs to the last cell; Redis takes it for one behind, and does not find what is east of it. */
function cellWithin(position: Position, steps: number): Cell {
  const { column, row } = cellAt(position, steps);
  const last = 2 ** steps - 1;
  return { column: Math.min(column, last), row: Math.min(row, last), steps };
}

const AROUND: readonly (readonly [east: number, north: number])[] = [
  [0, 1],
  [0, -1],
  [1, 0],
  [-1, 0],
  [1, 1],
  [-1, 1],
  [1, -1],
  [-1, -1],
];

interface Bounds {
  readonly west: number;
  readonly east: number;
  readonly south: number;
  readonly north: number;
}

function boundsOf(shape: Shape): Bounds {
  const { longitude, latitude } = shape.centre;
  const height = shape.kind === 'circle' ? shape.radius : shape.height / 2;
  const width = shape.kind === 'circle' ? shape.radius : shape.width / 2;
  const up = degreesOf(height);
  // a degree is narrower towards the pole, and the shape then spans more of them
  const edge = latitude < 0 ? latitude - up : latitude + up;
  const across = degreesOf(width, edge);
  return { west: longitude - across, east: longitude + across, south: latitude - up, north: latitude + up };
}

/** From the centre to what of the shape is farthest from it. */
function reachOf(shape: Shape): number {
  if (shape.kind === 'circle') return shape.radius;
  return Math.sqrt((shape.width / 2) * (shape.width / 2) + (shape.height / 2) * (shape.height / 2));
}

/** So fine that a cell and those around it about hold a circle of that radius. */
function stepsFor(radius: number, latitude: number): number {
  if (radius === 0) return STEPS_MAX;
  let steps = 1;
  for (let meters = radius; meters < MERCATOR_MAX; meters *= 2) steps++;
  steps -= 2;
  if (Math.abs(latitude) > 66) steps--;
  if (Math.abs(latitude) > 80) steps--;
  return Math.max(1, Math.min(STEPS_MAX, steps));
}

/** False if the cells around are too small for the bounds. */
function reachesAround(middle: Cell, bounds: Bounds): boolean {
  const north = edgesOf(neighbour(middle, 0, 1)).north;
  const south = edgesOf(neighbour(middle, 0, -1)).south;
  const east = edgesOf(neighbour(middle, 1, 0)).east;
  const west = edgesOf(neighbour(middle, -1, 0)).west;
  return north >= bounds.north && south <= bounds.south && east >= bounds.east && west <= bounds.west;
}
