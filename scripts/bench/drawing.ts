/** Pieces of SVG that the plots are made of. Coordinates are pixels, from the upper left corner. */

/** A picture of that size with these pieces in it. */
export function picture(width: number, height: number, pieces: readonly string[]): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${width}" height="${height}" fill="white"/>`,
    ...pieces,
    '</svg>',
    '',
  ].join('\n');
}

export function label(x: number, y: number, words: string, anchor: 'start' | 'middle' | 'end'): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}">${words}</text>`;
}

/** `look`: further attributes. */
export function line(x1: number, y1: number, x2: number, y2: number, look: string): string {
  return `<line x1="${x1.toFixed(1)}" y1="${y1.toFixed(1)}" x2="${x2.toFixed(1)}" y2="${y2.toFixed(1)}" ${look}/>`;
}

export function bar(x: number, y: number, width: number, height: number, color: string): string {
  return `<rect x="${x.toFixed(1)}" y="${y.toFixed(1)}" width="${width.toFixed(1)}" height="${height.toFixed(1)}" fill="${color}"/>`;
}

/** Straight from point to point, each of them marked. */
export function curve(points: readonly (readonly [x: number, y: number])[], color: string): string[] {
  const places = points.map((point) => point.map((each) => each.toFixed(1)));
  return [
    `<polyline points="${places.map((place) => place.join()).join(' ')}" fill="none" stroke="${color}" stroke-width="2"/>`,
    ...places.map(([x, y]) => `<circle cx="${x}" cy="${y}" r="3.5" fill="${color}"/>`),
  ];
}

export const GRID = 'stroke="#ddd"';
export const MARK = 'stroke="#c33" stroke-dasharray="4 4"';
/** Of what is drawn first, and second. */
export const COLORS = ['#246', '#e90'] as const;
