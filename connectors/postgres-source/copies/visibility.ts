/**
 * A snapshot of Postgres, as `pg_current_snapshot()` prints it: which transactions a SELECT saw.
 * https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-INFO-SNAPSHOT
 */
export interface Visibility {
  /** Every transaction below is over. */
  readonly xmin: number;
  /** This and every later one had not ended. */
  readonly xmax: number;
  /** Those between that were still running, as the server counts it: a commit that is already in the WAL may be among them. */
  readonly running: ReadonlySet<number>;
}

const TEXT = /^(\d+):(\d+):([\d,]*)$/;
const XIDS = 2 ** 32;
const HALF = 2 ** 31;

/** @throws SyntaxError for anything but `xmin:xmax:xip,...` */
export function parseVisibility(text: string): Visibility {
  const match = TEXT.exec(text);
  if (match === null) throw new SyntaxError(`not a snapshot: "${text}"`);
  const running = (match[3] ?? '').split(',').filter((xid) => xid !== '');
  return { xmin: Number(match[1]), xmax: Number(match[2]), running: new Set(running.map(Number)) };
}

/** True when the snapshot holds what `xid` did, given that it committed. The stream carries 32 of an xid's 64 bits. */
export function sees(snapshot: Visibility, xid: number): boolean {
  const whole = wholeXid(snapshot.xmax, xid);
  if (whole < snapshot.xmin) return true;
  return whole < snapshot.xmax && !snapshot.running.has(whole);
}

/** The 64-bit xid next to `near` that ends in the 32 bits `low`. */
function wholeXid(near: number, low: number): number {
  const candidate = near - (near % XIDS) + low;
  if (candidate - near > HALF) return candidate - XIDS;
  return near - candidate > HALF ? candidate + XIDS : candidate;
}
