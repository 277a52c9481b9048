import { connect } from '../../../infra/local/demo/databases.ts';
import type { Clock } from '../../../infra/process/clock.ts';
import type { Random } from '../fault-lane.ts';
import { type Branches, randomTransfer, transfer } from './bank.ts';

/** Between two transactions of a writer: the mirrors shall keep up, on a small machine too. */
const PAUSE_MAX_MS = 40;

/** Writes TPC-B's transactions until the signal aborts; what it has begun is committed when it resolves. */
export type Load = (signal: AbortSignal) => Promise<void>;

export interface LoadOptions {
  readonly sourceUrl: string;
  /** Those that it writes. */
  readonly branches: Branches;
  readonly writers: number;
  readonly random: Random;
  readonly clock: Clock;
}

/** Sessions of our own, each of which makes one transaction after the other. */
export function ownLoad({ sourceUrl, branches, writers, random, clock }: LoadOptions): Load {
  const write = async (signal: AbortSignal): Promise<void> => {
    const source = await connect(sourceUrl);
    try {
      while (!signal.aborted) {
        await transfer(source, randomTransfer(random, branches));
        await clock.sleep(random() * PAUSE_MAX_MS, signal);
      }
    } finally {
      await source.end();
    }
  };
  return async (signal) => void (await Promise.all(Array.from({ length: writers }, () => write(signal))));
}
