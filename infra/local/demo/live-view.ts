import type { Clock } from '../../process/clock.ts';
import { METRIC } from '../../process/metrics.ts';
import type { Chain, RoleName } from './chain.ts';
import { type Sample, buckets, parseMetrics, quantileSince, sum } from './metric-text.ts';

/** What the chain has done so far, read from the roles' own /metrics. */
interface ChainNumbers {
  readonly rowsRead: number;
  readonly topics: number;
  readonly joined: number;
  readonly late: number;
  readonly materialised: number;
  /** WAL that the source has not confirmed yet, bytes. */
  readonly lagBytes: number;
  /** Commit in the source to commit in the target: cumulative counts by upper bound, seconds. */
  readonly latency: ReadonlyMap<number, number>;
}

async function readNumbers(chain: Chain): Promise<ChainNumbers> {
  const read = async (name: RoleName): Promise<readonly Sample[]> => {
    const text = await chain.role(name).metrics();
    return text === null ? [] : parseMetrics(text);
  };
  const [source, fulfilment, revenue, sink] = await Promise.all([
    read('source'),
    read('order-fulfilment'),
    read('customer-revenue'),
    read('sink'),
  ]);
  const tables = new Set(source.filter((s) => s.name === METRIC.sourceEvents).map((s) => s.labels['table']));
  const late = { reason: 'late' };
  return {
    rowsRead: sum(source, METRIC.sourceEvents),
    topics: tables.size,
    joined: sum(fulfilment, METRIC.joinMatched, { node: 'order-shipments' }),
    late: sum(fulfilment, METRIC.recordsDropped, late) + sum(revenue, METRIC.recordsDropped, late),
    materialised: sum(sink, METRIC.sinkRows),
    lagBytes: sum(source, METRIC.sourceLagBytes),
    latency: buckets(sink, METRIC.endToEndSeconds),
  };
}

const VIEW_EVERY_MS = 1_000;

/** Shows a line a second until `work` is over, and a last one then. Latency counts what is materialised meanwhile. */
export async function watch(
  chain: Chain,
  clock: Clock,
  say: (line: string) => void,
  work: () => Promise<void>,
): Promise<void> {
  const baseline = (await readNumbers(chain)).latency;
  const show = async (): Promise<void> => say(viewLine(process.uptime(), await readNumbers(chain), baseline));
  const over = new AbortController();
  const showing = async (): Promise<void> => {
    say(cells(COLUMNS));
    while (!over.signal.aborted) {
      await show();
      await clock.sleep(VIEW_EVERY_MS, over.signal);
    }
  };
  await Promise.all([work().finally(() => over.abort()), showing()]);
  await show();
}

const COLUMNS = [
  'time',
  'rows read',
  'topics',
  'joined',
  'late',
  'materialised',
  'latency p50/p99',
  'WAL lag',
];
const WIDTHS = [6, 11, 8, 8, 6, 14, 18, 10];

/** One line of the view. Latency counts what was materialised since `baseline`. */
function viewLine(seconds: number, now: ChainNumbers, baseline: ReadonlyMap<number, number>): string {
  const p50 = milliseconds(quantileSince(now.latency, baseline, 0.5));
  const p99 = milliseconds(quantileSince(now.latency, baseline, 0.99));
  return cells([
    `${seconds.toFixed(0)} s`,
    String(now.rowsRead),
    String(now.topics),
    String(now.joined),
    String(now.late),
    String(now.materialised),
    `${p50} / ${p99}`,
    bytes(now.lagBytes),
  ]);
}

function cells(texts: readonly string[]): string {
  return texts.map((text, i) => text.padStart(WIDTHS[i] ?? 0)).join(' ');
}

/** A quantile is known up to its histogram bucket, hence the `<=`. */
function milliseconds(seconds: number | null): string {
  if (seconds === null) return '-';
  return seconds === Infinity ? '>30 s' : `<=${Math.round(seconds * 1000)} ms`;
}

function bytes(count: number): string {
  if (count < 1024) return `${count} B`;
  return count < 1024 * 1024 ? `${(count / 1024).toFixed(0)} KiB` : `${(count / 1024 / 1024).toFixed(1)} MiB`;
}
