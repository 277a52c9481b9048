import { tableLine } from '../bench-parts.ts';
import type { Figure } from '../figures.ts';
import { type Aim, aimLine } from '../source/report.ts';
import { type Part, type PartFigures, SIZES } from './part.ts';

export { aimLine };

type Results = ReadonlyMap<Part, PartFigures>;

/** Megabytes by which the resident size may differ between the thirds of a run and still count as flat. */
const FLAT_MIB = 10;

const round = (value: number, digits: number): number => Number(value.toFixed(digits));

/** The ceiling is that of one session for all of one task; of two, the aim is to be above one session, so both are told. */
function rivalsOf(part: Part): { readonly ceiling?: Part; readonly two?: Part; readonly peer?: Part } {
  for (const size of SIZES) {
    if (part === `ours-${size}`) return { ceiling: `ceiling-${size}`, peer: `debezium-${size}` };
    if (part === `ours-two-${size}`)
      return { ceiling: `ceiling-${size}`, two: `ceiling-two-${size}`, peer: `debezium-${size}` };
    if (part === `debezium-${size}` || part === `ceiling-two-${size}`) return { ceiling: `ceiling-${size}` };
  }
  return {};
}

const rateOf = ({ rowsPerSecond }: PartFigures): number => rowsPerSecond;

function ratio(mine: PartFigures | undefined, theirs: PartFigures | undefined): number | null {
  return mine === undefined || theirs === undefined ? null : rateOf(mine) / rateOf(theirs);
}

/** `runs`: of the part, on all lines that `--json` prints. */
export function sinkFigures(results: Results): readonly Figure[] {
  return [...results].flatMap(([part, ours]) => {
    if (!part.startsWith('ours')) return [];
    const rivals = rivalsOf(part);
    const ceiling = rivals.ceiling && results.get(rivals.ceiling);
    const peer = rivals.peer && results.get(rivals.peer);
    const base = { bench: 'sink', case: part, runs: ours.runs };
    const against = (mine: number, theirs: number | null | undefined, lessIsBetter: boolean) =>
      theirs === null || theirs === undefined
        ? {}
        : {
            peer: 'debezium-jdbc',
            theirs: round(theirs, 2),
            ratioPeer: round(lessIsBetter ? theirs / mine : mine / theirs, 2),
          };
    const limit =
      ceiling === undefined
        ? {}
        : { ceiling: Math.round(rateOf(ceiling)), ratioCeiling: round(rateOf(ours) / rateOf(ceiling), 2) };
    const figures: Figure[] = [
      {
        ...base,
        metric: 'rows per second',
        ours: Math.round(rateOf(ours)),
        ...limit,
        ...against(rateOf(ours), peer?.rowsPerSecond, false),
      },
      {
        ...base,
        metric: 'Postgres CPU microseconds per row',
        ours: round(ours.postgresMicrosPerRow, 2),
        ...(ceiling === undefined
          ? {}
          : {
              ceiling: round(ceiling.postgresMicrosPerRow, 2),
              ratioCeiling: round(ceiling.postgresMicrosPerRow / ours.postgresMicrosPerRow, 2),
            }),
        ...against(ours.postgresMicrosPerRow, peer?.postgresMicrosPerRow, true),
      },
    ];
    const more = [
      ['CPU microseconds per row', ours.cpuMicrosPerRow, peer?.cpuMicrosPerRow],
      ['peak RSS MiB', ours.peakMib, peer?.peakMib],
    ] as const;
    for (const [metric, mine, theirs] of more)
      if (mine !== null)
        figures.push({ ...base, metric, ours: round(mine, 2), ...against(mine, theirs, true) });
    if (ours.rssMib !== null)
      figures.push({
        ...base,
        metric: 'RSS MiB of the last third, against the first',
        ours: Math.round(ours.rssMib[1]),
        ceiling: Math.round(ours.rssMib[0]),
        ratioCeiling: round(ours.rssMib[0] / ours.rssMib[1], 2),
      });
    return figures;
  });
}

const COLUMNS = [18, 10, 11, 15, 11, 12, 9, 9, 14, 5] as const;
const HEADS = [
  'part',
  'rows/s',
  'of ceiling',
  'of two sessions',
  'CPU us/row',
  'in Postgres',
  'peak MiB',
  'grows by',
  'rows/s : peer',
  'runs',
] as const;

export function sinkTable(results: Results): string {
  const lines = [...results].map(([part, figures]) => {
    const { ceiling, two, peer } = rivalsOf(part);
    const to = (rival: Part | undefined, unit = ''): string => {
      const found = ratio(figures, rival && results.get(rival));
      return found === null ? '' : `${found.toFixed(2)}${unit}`;
    };
    const { rssMib } = figures;
    return tableLine(COLUMNS, [
      part,
      String(Math.round(figures.rowsPerSecond)),
      to(ceiling),
      to(two),
      figures.cpuMicrosPerRow?.toFixed(2) ?? '',
      figures.postgresMicrosPerRow.toFixed(2),
      figures.peakMib?.toFixed(0) ?? '',
      rssMib === null ? '' : (rssMib[1] - rssMib[0]).toFixed(0),
      to(peer, 'x'),
      String(figures.runs),
    ]);
  });
  return [tableLine(COLUMNS, HEADS), ...lines].join('\n');
}

/** The aims of which there are figures. */
export function sinkAims(results: Results): readonly Aim[] {
  const aims: Aim[] = [];
  const least = (what: string, aim: number, found: number | null): void => {
    if (found !== null)
      aims.push({ what, aim: `at least ${aim}`, found: found.toFixed(2), isMet: found >= aim });
  };
  for (const size of SIZES) {
    const ceiling = results.get(`ceiling-${size}`);
    const peer = results.get(`debezium-${size}`);
    const [one, two] = [results.get(`ours-${size}`), results.get(`ours-two-${size}`)];
    least(`batches of ${size}, one connection, of the ceiling`, 0.75, ratio(one, ceiling));
    least(`batches of ${size}, two connections, of the ceiling of one`, 1, ratio(two, ceiling));
    least(`batches of ${size}, one connection, rows/s of Debezium's`, 3, ratio(one, peer));
    for (const [name, figures] of [['one', one] as const, ['two', two] as const]) {
      const rss = figures?.rssMib ?? null;
      if (rss === null) continue;
      const growth = rss[1] - rss[0];
      aims.push({
        what: `batches of ${size}, ${name}, growth of RSS from first to last third in MiB`,
        aim: `none (${FLAT_MIB})`,
        found: growth.toFixed(1),
        isMet: growth <= FLAT_MIB,
      });
    }
  }
  return aims;
}
