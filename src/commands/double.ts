/**
 * Doubles as Redis 7.2 and later print them: the shortest digits that read back as the same number, whole numbers
 * without a point, exponents only where plain digits would be long.
 */

/** Whole numbers up to here are printed in full: half of the range of 64-bit integers. */
const WHOLE_MAX = 2 ** 62;

export function formatDouble(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (value === Number.POSITIVE_INFINITY) return 'inf';
  if (value === Number.NEGATIVE_INFINITY) return '-inf';
  if (Object.is(value, -0)) return '-0';
  if (Number.isSafeInteger(value)) return String(value);
  if (Number.isInteger(value) && Math.abs(value) < WHOLE_MAX) return BigInt(value).toString();
  return formatShortest(value);
}

/** Plain digits, 17 behind the point at most, as Redis prints what it keeps in long doubles. Below 10^21. */
export function formatExactly(value: number): string {
  return value.toFixed(17).replace(/\.?0+$/, '');
}

/** Not zero, finite. */
function formatShortest(value: number): string {
  const [mantissa, power] = Math.abs(value).toExponential().split('e');
  const digits = mantissa.replace('.', '');
  const exponent = Number(power);
  const sign = value < 0 ? '-' : '';
  // how far the last digit stands left of the point
  const shift = exponent - digits.length + 1;
  if (shift >= 0 && exponent < digits.length + 7) return `${sign}${digits}${'0'.repeat(shift)}`;
  if (shift < 0 && (shift > -7 || Math.abs(exponent) < 4)) {
    if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`;
    return `${sign}${digits.slice(0, exponent + 1)}.${digits.slice(exponent + 1)}`;
  }
  const rest = digits.length > 1 ? `.${digits.slice(1)}` : '';
  return `${sign}${digits[0]}${rest}e${exponent < 0 ? '-' : '+'}${Math.abs(exponent)}`;
}
