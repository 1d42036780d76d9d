/**
 * Exact decimal fractions, for INCRBYFLOAT and HINCRBYFLOAT. Redis adds in 80-bit floats, whose sums depend on the
 * order of the additions; replicas that add in different orders must agree, so Starling adds exactly and rounds
 * only what it shows, to the 17 digits after the point that Redis shows.
 */
const EXPONENT_MAX = 4932; // the range of Redis's long double
const BINARY_EXPONENT_MAX = 16384;
const DIGITS_MAX = 5000;
const INFINITY_WORD = /^[+-]?inf(inity)?$/i;
/** Redis prints with %.17Lf. */
const SHOWN_FRACTION_DIGITS = 17;

/** What strtold takes as an infinity. */
export function isInfinity(text: string): boolean {
  return INFINITY_WORD.test(text);
}

export class Decimal {
  /** value = mantissa × 10^−scale; normalised: no trailing zero in the mantissa while scale > 0. */
  readonly mantissa: bigint;
  readonly scale: number;

  constructor(mantissa: bigint, scale: number) {
    while (scale > 0 && mantissa % 10n === 0n) {
      mantissa /= 10n;
      scale--;
    }
    if (mantissa === 0n) scale = 0;
    this.mantissa = mantissa;
    this.scale = scale;
  }

  static fromInteger(value: number | bigint): Decimal {
    return new Decimal(BigInt(value), 0);
  }

  /** Undefined for what strtold does not take as a finite number, blanks included. */
  static parse(text: string): Decimal | undefined {
    if (/^[+-]?0x/i.test(text)) return parseHexadecimal(text);
    const match = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/.exec(text);
    if (match === null || text.length > DIGITS_MAX) return undefined;
    const [, sign, whole, fraction = '', exponentText = '0'] = match;
    if (whole.length + fraction.length === 0) return undefined;
    const exponent = Number(exponentText);
    if (Math.abs(exponent) > EXPONENT_MAX) return undefined;
    let mantissa = BigInt(whole + fraction);
    if (sign === '-') mantissa = -mantissa;
    const scale = fraction.length - exponent;
    if (scale < 0) return new Decimal(mantissa * 10n ** BigInt(-scale), 0);
    return new Decimal(mantissa, scale);
  }

  /** The other way of exact(), however many digits it has; undefined for anything else. */
  static fromExact(text: string): Decimal | undefined {
    const match = /^(-?\d+)\.?(\d*)$/.exec(text);
    return match === null ? undefined : new Decimal(BigInt(match[1] + match[2]), match[2].length);
  }

  plus(other: Decimal): Decimal {
    const scale = Math.max(this.scale, other.scale);
    return new Decimal(
      this.mantissa * 10n ** BigInt(scale - this.scale) + other.mantissa * 10n ** BigInt(scale - other.scale),
      scale,
    );
  }

  negated(): Decimal {
    return new Decimal(-this.mantissa, this.scale);
  }

  /** Within the range of Redis's long double. */
  isFinite(): boolean {
    return this.mantissa.toString().length - this.scale <= EXPONENT_MAX;
  }

  isInteger(): boolean {
    return this.scale === 0;
  }

  /** All digits: what is stored and sent. */
  exact(): string {
    return plain(this.mantissa, this.scale);
  }

  /** At most 17 digits after the point, no exponent, no trailing zeros: what clients see. */
  toString(): string {
    const excess = this.scale - SHOWN_FRACTION_DIGITS;
    if (excess <= 0) return plain(this.mantissa, this.scale);
    const unit = 10n ** BigInt(excess);
    const half = unit / 2n;
    const rounded = this.mantissa < 0n ? (this.mantissa - half) / unit : (this.mantissa + half) / unit;
    const shown = new Decimal(rounded, SHOWN_FRACTION_DIGITS);
    return plain(shown.mantissa, shown.scale);
  }
}

/** C's hexadecimal floats: 0x10, 0x1.8p3. A binary fraction is an exact decimal: 2^−n = 5^n × 10^−n. */
function parseHexadecimal(text: string): Decimal | undefined {
  const match = /^([+-]?)0x([\da-f]*)(?:\.([\da-f]*))?(?:p([+-]?\d+))?$/i.exec(text);
  if (match === null || text.length > DIGITS_MAX) return undefined;
  const [, sign, whole, fraction = '', exponentText = '0'] = match;
  if (whole.length + fraction.length === 0) return undefined;
  const exponent = Number(exponentText) - 4 * fraction.length;
  if (Math.abs(exponent) > BINARY_EXPONENT_MAX) return undefined;
  const magnitude = BigInt(`0x${whole}${fraction}`);
  const mantissa = sign === '-' ? -magnitude : magnitude;
  const value =
    exponent >= 0
      ? new Decimal(mantissa * 2n ** BigInt(exponent), 0)
      : new Decimal(mantissa * 5n ** BigInt(-exponent), -exponent);
  return value.isFinite() ? value : undefined;
}

function plain(mantissa: bigint, scale: number): string {
  if (scale === 0) return mantissa.toString();
  const negative = mantissa < 0n;
  const digits = (negative ? -mantissa : mantissa).toString().padStart(scale + 1, '0');
  const cut = digits.length - scale;
  return `${negative ? '-' : ''}${digits.slice(0, cut)}.${digits.slice(cut)}`;
}
