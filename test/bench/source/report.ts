import { tableLine } from '../bench-parts.ts';
import type { Figure } from '../figures.ts';
import type { Part, PartFigures } from './part.ts';
import { SIZES } from './part.ts';

export type Results = ReadonlyMap<Part, PartFigures>;

/** A value that is looked for, and what was found. */
export interface Aim {
  readonly what: string;
  readonly aim: string;
  readonly found: string;
  readonly isMet: boolean;
}

/** Megabytes by which the resident size may differ between the thirds of a run and still count as flat. */
const FLAT_MIB = 10;

const round = (value: number, digits: number): number => Number(value.toFixed(digits));

/** What is the limit of a part, and whom it is compared with. */
function rivalsOf(part: Part): { readonly ceiling?: Part; readonly peer?: Part } {
  if (part === 'ours-big') return { ceiling: 'ceiling-big' };
  if (part.startsWith('ours-snapshot')) return { ceiling: 'ceiling-snapshot', peer: 'debezium-snapshot' };
  for (const size of SIZES) {
    if (part === `reader-${size}`) return { ceiling: `ceiling-${size}`, peer: `peer-${size}` };
    if (part === `ours-${size}`) return { ceiling: `ceiling-${size}`, peer: `debezium-${size}` };
    if ([`debezium-${size}`, `peer-${size}`, `drain-${size}`].includes(part))
      return { ceiling: `ceiling-${size}` };
  }
  return part === 'debezium-snapshot' ? { ceiling: 'ceiling-snapshot' } : {};
}

/** `runs`: of the part, on all lines that `--json` prints. */
export function sourceFigures(results: Results): readonly Figure[] {
  return [...results].flatMap(([part, ours]) => {
    if (!/^(ours|reader|drain|offline)/.test(part)) return [];
    const rivals = rivalsOf(part);
    const ceiling = rivals.ceiling === undefined ? undefined : results.get(rivals.ceiling);
    const peer = rivals.peer === undefined ? undefined : results.get(rivals.peer);
    const name = part.startsWith('reader') ? 'pg-logical-replication' : 'debezium';
    const base = { bench: 'source', case: part, runs: ours.runs };
    const against = (mine: number, theirs: number | null | undefined, lessIsBetter: boolean) =>
      theirs === null || theirs === undefined
        ? {}
        : {
            peer: name,
            theirs: round(theirs, 2),
            ratioPeer: round(lessIsBetter ? theirs / mine : mine / theirs, 2),
          };
    const figures: Figure[] = [
      {
        ...base,
        metric: 'rows per second',
        ours: Math.round(ours.rowsPerSecond),
        ...(ceiling === undefined
          ? {}
          : {
              ceiling: Math.round(ceiling.rowsPerSecond),
              ratioCeiling: round(ours.rowsPerSecond / ceiling.rowsPerSecond, 2),
            }),
        ...against(ours.rowsPerSecond, peer?.rowsPerSecond, false),
      },
    ];
    if (ours.cpuMicrosPerRow !== null)
      figures.push({
        ...base,
        metric: 'CPU microseconds per row',
        ours: round(ours.cpuMicrosPerRow, 2),
        ...against(ours.cpuMicrosPerRow, peer?.cpuMicrosPerRow, true),
      });
    if (ours.peakMib !== null)
      figures.push({
        ...base,
        metric: 'peak RSS MiB',
        ours: Math.round(ours.peakMib),
        ...against(ours.peakMib, peer?.peakMib, true),
      });
    return figures;
  });
}

const COLUMNS = [24, 10, 11, 10, 9, 14, 14, 13, 5] as const;
const HEADS = [
  'part',
  'rows/s',
  'of ceiling',
  'CPU us/row',
  'peak MiB',
  'rows/s : peer',
  'rows/CPU-s : peer',
  'peer : memory',
  'runs',
] as const;

/** One line per part, in the order that they ran. */
export function sourceTable(results: Results): string {
  const lines = [...results].map(([part, figures]) => {
    const rivals = rivalsOf(part);
    const ceiling = rivals.ceiling === undefined ? undefined : results.get(rivals.ceiling);
    const peer = rivals.peer === undefined ? undefined : results.get(rivals.peer);
    const times = (mine: number | null, theirs: number | null | undefined, lessIsBetter: boolean): string =>
      mine === null || theirs === null || theirs === undefined
        ? ''
        : `${(lessIsBetter ? theirs / mine : mine / theirs).toFixed(2)}x`;
    return tableLine(COLUMNS, [
      part,
      String(Math.round(figures.rowsPerSecond)),
      ceiling === undefined ? '' : (figures.rowsPerSecond / ceiling.rowsPerSecond).toFixed(2),
      figures.cpuMicrosPerRow?.toFixed(2) ?? '',
      figures.peakMib?.toFixed(0) ?? '',
      times(figures.rowsPerSecond, peer?.rowsPerSecond, false),
      times(figures.cpuMicrosPerRow, peer?.cpuMicrosPerRow, true),
      times(figures.peakMib, peer?.peakMib, true),
      String(figures.runs),
    ]);
  });
  return [tableLine(COLUMNS, HEADS), ...lines].join('\n');
}

/** The aims of which there are figures. */
export function sourceAims(results: Results): readonly Aim[] {
  const aims: Aim[] = [];
  const least = (what: string, aim: number, found: number | null | undefined): void => {
    if (found === null || found === undefined) return;
    aims.push({ what, aim: `at least ${aim}`, found: found.toFixed(2), isMet: found >= aim });
  };
  const most = (what: string, aim: string, found: number | null | undefined, max: number): void => {
    if (found === null || found === undefined) return;
    aims.push({ what, aim, found: found.toFixed(2), isMet: found <= max });
  };
  const ratio = (part: Part, rival: Part, of: (figures: PartFigures) => number | null): number | null => {
    const mine = results.get(part);
    const theirs = results.get(rival);
    const [a, b] = [mine && of(mine), theirs && of(theirs)];
    return a === null || a === undefined || b === null || b === undefined ? null : a / b;
  };
  const rate = (figures: PartFigures): number => figures.rowsPerSecond;
  for (const size of SIZES)
    least(
      `reader alone, transactions of ${size}, of the ceiling`,
      0.95,
      ratio(`reader-${size}`, `ceiling-${size}`, rate),
    );
  most('reader offline, CPU us per row', 'under 0.5', results.get('offline')?.cpuMicrosPerRow, 0.5);
  for (const size of SIZES)
    least(
      `to Kafka, transactions of ${size}, of the ceiling`,
      0.6,
      ratio(`ours-${size}`, `ceiling-${size}`, rate),
    );
  for (const mode of ['exported', 'chunked'] as const)
    least(`snapshot ${mode}, of COPY`, 0.4, ratio(`ours-snapshot-${mode}`, 'ceiling-snapshot', rate));
  const pairs: readonly (readonly [Part, Part])[] = [
    ...SIZES.map((size) => [`ours-${size}`, `debezium-${size}`] as const),
    ['ours-snapshot-exported', 'debezium-snapshot'],
    ['ours-snapshot-chunked', 'debezium-snapshot'],
  ];
  for (const [part, debezium] of pairs) {
    least(`${part}, rows/s of Debezium's`, 4, ratio(part, debezium, rate));
    least(
      `${part}, rows per CPU-second of Debezium's`,
      4,
      ratio(debezium, part, ({ cpuMicrosPerRow }) => cpuMicrosPerRow),
    );
    most(
      `${part}, peak memory of Debezium's`,
      'at most 0.25',
      ratio(part, debezium, ({ peakMib }) => peakMib),
      0.25,
    );
  }
  const big = results.get('ours-big');
  most('one large transaction, peak RSS in MiB', 'under 200', big?.peakMib, 200);
  const [first, last] = big?.rssMib ?? [null, null];
  if (first !== null && last !== null)
    most(
      'one large transaction, growth of RSS from first to last third in MiB',
      `none (${FLAT_MIB})`,
      last - first,
      FLAT_MIB,
    );
  return aims;
}

export const aimLine = ({ what, aim, found, isMet }: Aim): string =>
  `${isMet ? 'met   ' : 'missed'}  ${what}: ${found} (aim: ${aim})`;
