/** How notes of forgotten members travel in hello and members frames; how long ago, since clocks differ. */
import type { ForgottenMember } from './forgotten.ts';
import { FrameError, listField, numberField, replicaField, textField } from './frames.ts';

export function forgottenToWire(notes: readonly ForgottenMember[]): { forgotten?: Record<string, unknown>[] } {
  if (notes.length === 0) return {};
  const now = Date.now();
  const forgotten = notes.map(({ peerId, replicas, forgottenMs, act }) => ({
    ...{ id: peerId, replicas, age: Math.max(0, now - forgottenMs), act },
  }));
  return { forgotten };
}

/** None where the field is not there. Throws FrameError. */
export function forgottenFromWire(map: Record<string, unknown>): ForgottenMember[] {
  if (map.forgotten === undefined) return [];
  const now = Date.now();
  return listField(map, 'forgotten').map((each) => {
    if (typeof each !== 'object' || each === null) throw new FrameError('bad note of a forgotten member');
    const entry = each as Record<string, unknown>;
    const replicas = listField(entry, 'replicas', 64).map((replica) => replicaField({ replica }, 'replica'));
    const forgottenMs = now - numberField(entry, 'age');
    return { peerId: textField(entry, 'id'), replicas, forgottenMs, act: textField(entry, 'act', 64) };
  });
}
