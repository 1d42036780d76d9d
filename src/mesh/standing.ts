/** Who and where a node is and how far it has got, as it tells of itself and others tell of it: hello, topic, members. */
import type { Engine } from '../core/contract.ts';
import { replicaField, textField, textsField, vectorFromWire, vectorToWire } from './frames.ts';
import type { Report } from './members.ts';

/** What a node knows of itself. */
export interface Self {
  readonly engine: Engine;
  readonly peerId: string;
  readonly region: string;
  readonly zone: string;
  addresses(): string[];
}

type Who = Omit<Report, 'vector' | 'clockMs' | 'seenMs'>;

export function standingToWire(self: Self): Record<string, unknown> {
  const { engine, peerId, region, zone } = self;
  return {
    ...whoToWire({ peerId, replica: engine.replica, region, zone, addresses: self.addresses() }),
    vector: vectorToWire(engine.shorten(engine.vector())),
    clock: Date.now(),
  };
}

/** All but the times, which depend on who tells. Throws FrameError. */
export function standingFromWire(engine: Engine, map: Record<string, unknown>): Omit<Report, 'clockMs' | 'seenMs'> {
  return { ...whoFromWire(map), vector: engine.expand(vectorFromWire(map.vector)) };
}

export function whoToWire({ peerId, replica, region, zone, addresses }: Who): Record<string, unknown> {
  return { id: peerId, replica, region, zone, addresses };
}

/** Throws FrameError. */
export function whoFromWire(map: Record<string, unknown>): Who {
  return {
    peerId: textField(map, 'id'),
    replica: replicaField(map, 'replica'),
    region: textField(map, 'region'),
    zone: textField(map, 'zone'),
    addresses: textsField(map, 'addresses'),
  };
}
