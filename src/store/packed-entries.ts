/**
 * Many entries in one piece of memory, to hand from thread to thread: two buffers for each of a million would take
 * the one that wants them longer than what it does with them.
 */
export interface PackedEntries {
  /** Of the entries' keys and values, in turns. */
  readonly lengths: Uint32Array<ArrayBuffer>;
  /** The keys and values themselves, in the same order. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export function packEntries(entries: readonly (readonly [key: Uint8Array, value: Uint8Array])[]): PackedEntries {
  const lengths = new Uint32Array(entries.length * 2);
  let size = 0;
  entries.forEach(([key, value], index) => {
    lengths[index * 2] = key.length;
    lengths[index * 2 + 1] = value.length;
    size += key.length + value.length;
  });
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const entry of entries) {
    for (const each of entry) {
      bytes.set(each, at);
      at += each.length;
    }
  }
  return { lengths, bytes };
}

/** Views into `packed`. */
export function unpackEntries({ lengths, bytes }: PackedEntries): [key: Buffer, value: Buffer][] {
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const entries: [Buffer, Buffer][] = [];
  let at = 0;
  for (let i = 0; i < lengths.length; i += 2) {
    const end = at + lengths[i];
    const next = end + lengths[i + 1];
    entries.push([whole.subarray(at, end), whole.subarray(end, next)]);
    at = next;
  }
  return entries;
}
