/** Reads what a role's /metrics says: https://prometheus.io/docs/instrumenting/exposition_formats/ */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;

export function parseMetrics(text: string): readonly Sample[] {
  const samples: Sample[] = [];
  for (const line of text.split('\n')) {
    const match = LINE.exec(line);
    if (match === null || line.startsWith('#')) continue;
    const labels = Object.fromEntries(
      [...(match[2] ?? '').matchAll(LABEL)].map((m) => [m[1] ?? '', m[2] ?? '']),
    );
    samples.push({ name: match[1] ?? '', labels, value: Number(match[3]) });
  }
  return samples;
}

/** Sum over all samples of a name whose labels contain `where`. */
export function sum(
  samples: readonly Sample[],
  name: string,
  where: Readonly<Record<string, string>> = {},
): number {
  let total = 0;
  for (const sample of samples)
    if (sample.name === name && Object.entries(where).every(([k, v]) => sample.labels[k] === v))
      total += sample.value;
  return total;
}

/** Cumulative counts of a histogram by upper bound, summed over its other labels. */
export function buckets(samples: readonly Sample[], name: string): ReadonlyMap<number, number> {
  const counts = new Map<number, number>();
  for (const sample of samples) {
    if (sample.name !== `${name}_bucket`) continue;
    const bound = sample.labels['le'] === '+Inf' ? Infinity : Number(sample.labels['le']);
    counts.set(bound, (counts.get(bound) ?? 0) + sample.value);
  }
  return counts;
}

/**
 * The smallest bucket bound that holds a share `q` of what was counted since `before`, or null when nothing was.
 * It is an upper bound of the quantile, as exact as the buckets are fine.
 */
export function quantileSince(
  now: ReadonlyMap<number, number>,
  before: ReadonlyMap<number, number>,
  q: number,
): number | null {
  const counted = (bound: number): number => (now.get(bound) ?? 0) - (before.get(bound) ?? 0);
  const total = counted(Infinity);
  if (total <= 0) return null;
  const bounds = [...now.keys()].toSorted((a, b) => a - b);
  return bounds.find((bound) => counted(bound) >= q * total) ?? Infinity;
}
