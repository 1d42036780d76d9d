/** INFO crdt: replication among equals. Names as Redis Software has them where the thing is the same; a line a peer. */
import type { InfoFields } from './info-sections.ts';
import type { MeshPeer } from './services.ts';
import type { Call } from './table.ts';

export function crdtFields(call: Call): InfoFields {
  const { engine, services } = call;
  const { mesh } = services;
  const { statistics } = engine;
  const vector = engine.shorten(engine.vector());
  const peers = mesh.peers();
  const { transfers_sent, transfers_received, pulls, digests_compared, digests_differing, peers_differing, ...others } =
    mesh.statistics();
  return [
    ['crdt_cluster', mesh.cluster],
    ['crdt_peer_id', mesh.peerId],
    ['crdt_replid', engine.replica],
    // txns that this node wrote itself, and all that it has seen of each replica
    ['crdt_clock', vector.find(({ replica }) => replica === engine.replica)?.number ?? 0],
    ['crdt_ovc', vector.map(({ replica, number }) => `${replica}=${number}`).join(',')],
    ['crdt_retired_replicas', engine.retirements().length],
    ...digestFields(call),
    ['crdt_replication', mesh.paused ? 'paused' : 'running'],
    ['crdt_peers', peers.length],
    ['crdt_peers_up', peers.filter(({ state }) => state === 'up').length],
    ['crdt_local_txns', statistics.localTxns],
    ['crdt_remote_txns', statistics.remoteTxns],
    ['crdt_effect_reqs', statistics.remoteEffects],
    ['crdt_sync_full', transfers_sent ?? 0],
    ['crdt_sync_partial_ok', pulls ?? 0],
    ['crdt_merge_reqs', transfers_received ?? 0],
    // nodes with equal vectors compare digests all the time; anything but 0 below is an alarm
    ['crdt_digests_compared', digests_compared ?? 0],
    ['crdt_digests_differing', digests_differing ?? 0],
    ['crdt_peers_differing', peers_differing ?? 0],
    // the node's check of its own memory: passes over everything, slots found damaged ever and now, keys put right
    ['crdt_self_checks', statistics.selfChecks],
    ['crdt_damages_found', statistics.damagesFound],
    ['crdt_damaged_slots', statistics.damagedSlots],
    ['crdt_keys_mended', statistics.keysMended],
    ['crdt_conflicts', statistics.conflicts],
    ['crdt_waiting_envelopes', statistics.waitingEnvelopes],
    ['crdt_waiting_bytes', statistics.waitingBytes],
    ['crdt_quarantined_txns', statistics.quarantinedTxns],
    ['crdt_quarantined_replicas', statistics.quarantinedReplicas],
    ['crdt_gc_pending', statistics.pendingCollection],
    ['crdt_log_bytes', statistics.logBytes],
    ['crdt_folded_keys', statistics.foldedKeys],
    ...Object.entries(others).map(([name, value]) => [`mesh_${name}`, value] as const),
    ...peers.map((peer, index) => [`peer${index}`, describePeer(peer, engine.now)] as const),
  ];
}

/**
 * Where this section is asked for by its name. Under many writes a digest takes up to fifty milliseconds, which those who
 * poll plain INFO should not cost everybody.
 */
function digestFields({ args, argc, engine }: Call): InfoFields {
  const isNamed = args.slice(1, argc).some((word) => word.isWord('crdt'));
  return isNamed ? [['crdt_digest', engine.digest()]] : [];
}

function describePeer(peer: MeshPeer, now: number): string {
  return [
    `id=${peer.peerId}`,
    `replica=${peer.replica}`,
    `state=${peer.state}`,
    `address=${peer.address}`,
    `region=${peer.region}`,
    `zone=${peer.zone}`,
    `rtt_ms=${peer.rttMs.toFixed(2)}`,
    `behind=${peer.behind}`,
    `ahead=${peer.ahead}`,
    `seen_ms_ago=${Math.max(0, Math.round(now - peer.lastSeenMs))}`,
    `bytes_in=${peer.bytesIn}`,
    `bytes_out=${peer.bytesOut}`,
  ].join(',');
}
