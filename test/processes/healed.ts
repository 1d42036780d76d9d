/** How a run under real faults is judged: by what was acknowledged, and by nothing that a node says about itself alone. */
import * as assert from 'uvu/assert';
import type { Findings, Ledger } from './ledger.ts';
import { converged, type NodeProcess } from './node-process.ts';

/** Waits until the nodes are equal; then each must show all that was acknowledged, and nothing that was not written. */
export async function assertHealed(nodes: readonly NodeProcess[], ledger: Ledger, timeoutMs = 60_000): Promise<void> {
  await converged(nodes, timeoutMs);
  for (const [index, node] of nodes.entries()) {
    const findings = await ledger.examine(node);
    assert.is(described(findings), '', `node ${index}`);
  }
}

/** The first few of each kind; '' if there are none. */
export function described({ lost, unwritten }: Findings): string {
  return [...some('lost', lost), ...some('never written', unwritten)].join('\n');
}

const SHOWN_MAX = 10;

function some(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [`${lines.length} ${title}:`, ...lines.slice(0, SHOWN_MAX)];
}
