/**
 * How many clients, and how many peers, the system lets a node serve: each is an open file, and a node that has run out of
 * them can neither reach its peers nor its disk. So some are kept from clients, whatever `maxclients` says.
 */

/** As many members as are remembered. */
const PEERS_MAX = 1024;
/** Measured: 32 at rest, and LevelDB a fifth of the limit at most for what it reads. */
const KEPT_FOR_ITSELF = 128;
/** With a small limit there are fewer peers and files as well. */
const KEPT_SHARE = 1 / 2;

/** Clients that may be connected at a time so that peers and disk never lack a file. */
export function clientsPossible(openFilesMax: number): number {
  return Math.max(1, Math.floor(openFilesMax - keptFromClients(openFilesMax)));
}

/** Connections to peers, each of which takes a file. */
export function peersPossible(openFilesMax: number): number {
  const kept = keptFromClients(openFilesMax);
  return Math.max(1, Math.floor(kept - Math.min(KEPT_FOR_ITSELF, kept * KEPT_SHARE)));
}

function keptFromClients(openFilesMax: number): number {
  return Math.min(PEERS_MAX + KEPT_FOR_ITSELF, openFilesMax * KEPT_SHARE);
}

/**
 * The limit of this process (`ulimit -n`), which Node.js has raised as far as it may; infinite where there is none. To be
 * asked before there are connections, each of which makes the answer slower.
 */
export function openFilesMax(): number {
  const described = process.report.getReport() as { userLimits?: { open_files?: { soft?: number | string } } };
  const soft = Number(described.userLimits?.open_files?.soft);
  // 'unlimited', or a system that does not say
  return Number.isNaN(soft) ? Number.POSITIVE_INFINITY : soft;
}
