/** Numbers of Lua as C prints them: `%.17g` for what goes to a command, `%.14g` as Lua itself writes them. */

/** As Redis gives a number to a command: digits if it is whole, else 17 significant ones. */
export function formatNumber(value: number): string {
  if (Number.isSafeInteger(value)) return Object.is(value, -0) ? '0' : String(value);
  if (Number.isInteger(value) && Math.abs(value) < 2 ** 63) return BigInt(value).toString();
  // of Lua's 0/0 a processor makes a negative one; WebAssembly has no signs for it
  if (Number.isNaN(value)) return '-nan';
  return general(value, 17);
}

/** C's `%.<digits>g`. */
export function general(value: number, digits: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value < 0 ? '-inf' : 'inf';
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  const scientific = value.toExponential(Math.min(digits - 1, 100));
  const [mantissa, power] = scientific.split('e');
  const exponent = Number(power);
  if (exponent < -4 || exponent >= digits) {
    const sign = exponent < 0 ? '-' : '+';
    return `${withoutZeros(mantissa)}e${sign}${String(Math.abs(exponent)).padStart(2, '0')}`;
  }
  return withoutZeros(value.toFixed(Math.min(Math.max(digits - 1 - exponent, 0), 100)));
}

function withoutZeros(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}
