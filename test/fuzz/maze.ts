/** Something to find one's way through, for the test of the fuzzer: each step shows only to who has taken the one before. */
export function enter(bytes: Buffer): void {
  if (bytes[0] === 0x2a) {
    if (bytes[1] === 0x5b) {
      if (bytes[2] === 0x22) throw new TypeError('out of the maze');
    }
  }
}
