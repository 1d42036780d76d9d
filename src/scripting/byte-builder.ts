/** Bytes that grow: what cjson, cmsgpack and struct write into. */
export class ByteBuilder {
  private bytes = Buffer.allocUnsafe(256);
  private length = 0;

  /** What was written: a view, until more is. */
  filled(): Buffer {
    return this.bytes.subarray(0, this.length);
  }

  byte(value: number): void {
    const at = this.reserve(1);
    this.bytes[at] = value;
  }

  text(text: string): void {
    const at = this.reserve(text.length);
    this.bytes.write(text, at, 'latin1');
  }

  raw(bytes: Uint8Array): void {
    const at = this.reserve(bytes.length);
    this.bytes.set(bytes, at);
  }

  /** An unsigned whole number of so many bytes, big-endian. */
  unsigned(value: number | bigint, size: 1 | 2 | 4 | 8): void {
    const at = this.reserve(size);
    if (size === 8) this.bytes.writeBigUInt64BE(BigInt.asUintN(64, BigInt(value)), at);
    else this.bytes.writeUIntBE(Number(value), at, size);
  }

  float(value: number): void {
    const at = this.reserve(4);
    this.bytes.writeFloatBE(value, at);
  }

  double(value: number): void {
    const at = this.reserve(8);
    this.bytes.writeDoubleBE(value, at);
  }

  /** Where so many more go. What they are written into may be another buffer from here on. */
  private reserve(more: number): number {
    const at = this.length;
    if (at + more > this.bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(this.bytes.length * 2, at + more));
      this.bytes.copy(grown, 0, 0, at);
      this.bytes = grown;
    }
    this.length = at + more;
    return at;
  }
}
