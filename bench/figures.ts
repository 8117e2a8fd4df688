/** Numbers as the tables show them. */

/** `6 480`: whole numbers in groups; three figures below 100. */
export function count(value: number): string {
  if (value < 100) return value.toPrecision(3);
  return Math.round(value).toLocaleString('en-US').replaceAll(',', ' ');
}

/** `6 400–6 700` */
export function range(lowest: number, highest: number, show = count): string {
  return `${show(lowest)}–${show(highest)}`;
}

/** `2.23` */
export function ratio(value: number): string {
  return value < 10 ? value.toFixed(2) : value.toFixed(1);
}

/** `1 round`, `5 rounds` */
export function plural(howMany: number, what: string): string {
  return `${howMany} ${what}${howMany === 1 ? '' : 's'}`;
}

/** `73 %` */
export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

/** `1 234` megabytes. */
export function megabytes(bytes: number): string {
  return count(bytes / 1e6);
}
