import { z } from 'zod';
import type { Clock } from '../../../infra/process/clock.ts';
import type { Log } from '../../../infra/process/log.ts';
import type { ProducerRecord } from '../../kafka/port.ts';
import type { Alarm } from './alarm.ts';
import { storageChange } from './storage-change.ts';
import { type TableStorage, readStorage, tableStorage } from './storage-reading.ts';
import type { WireConnection } from '../wire/wire-connection.ts';

/** What is done about values that changed with no change in the stream: an alarm, or a copy of the whole table. */
export type OnRewrite = 'warn' | 'backfill';

const seenJson = z.object({
  storage: tableStorage,
  /** Why the table should be read again; empty when it need not. */
  offered: z.array(z.string()),
});

type Seen = z.output<typeof seenJson>;

export interface RewriteWatchOptions {
  readonly slotName: string;
  readonly publicationName: string;
  /** Where the last look is kept, a record for each table. */
  readonly positionTopic: string;
  readonly onRewrite: OnRewrite;
  /** False for a table that is not published as such. */
  readonly concerns: (table: Pick<TableStorage, 'schema' | 'table'>) => boolean;
  /** What goes out with the next Kafka transaction. */
  readonly notes: ProducerRecord[];
  readonly wantsCopy: (oid: number) => void;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Finds DDL that changes values without a change in the stream: ALTER TYPE, columns that come with a value, partitions
 * that come with rows. It compares how the tables lie on disk with the last look, which is kept in Kafka: so what was
 * done while no source ran is found too.
 */
export class RewriteWatch {
  readonly #options: RewriteWatchOptions;
  readonly #seen: Map<number, Seen>;

  /** `kept`: the records beside the position, by key. */
  constructor(options: RewriteWatchOptions, kept: ReadonlyMap<string, Buffer>) {
    this.#options = options;
    this.#seen = seenOf(kept, keyOf(options.slotName, ''));
  }

  /** Compares with the last look, and gives an alarm for each table that should be read again. */
  async look(sql: WireConnection): Promise<Alarm[]> {
    const { publicationName, concerns } = this.#options;
    const alarms: Alarm[] = [];
    for (const storage of await readStorage(sql, publicationName)) {
      if (!concerns(storage)) continue;
      const { offered } = this.#compare(storage);
      if (offered.length > 0) alarms.push(rewriteAlarm(nameOf(storage), offered));
    }
    return alarms;
  }

  /** The whole table is read again. */
  settled(oid: number): void {
    const seen = this.#seen.get(oid);
    if (seen !== undefined && seen.offered.length > 0) this.#keep({ ...seen, offered: [] });
  }

  #compare(storage: TableStorage): Seen {
    const { onRewrite, wantsCopy, log } = this.#options;
    const before = this.#seen.get(storage.oid);
    if (before !== undefined && JSON.stringify(before.storage) === JSON.stringify(storage)) return before;
    if (before === undefined) return this.#keep({ storage, offered: [] });
    const { reasons, moved, left } = storageChange(before.storage, storage);
    const table = nameOf(storage);
    if (moved)
      log.info(
        { table },
        'the table was written anew, with the values it had (VACUUM FULL, CLUSTER, TRUNCATE)',
      );
    for (const partition of left)
      log.warn(
        { table, partition },
        'a partition was detached or dropped: there is no event for its rows, the topic keeps them',
      );
    if (reasons.length === 0 || onRewrite === 'warn')
      return this.#keep({ storage, offered: [...new Set([...before.offered, ...reasons])] });
    log.warn({ table, reasons }, 'values of the table changed and no event says so: it is read again');
    const seen = this.#keep({ storage, offered: [] });
    wantsCopy(storage.oid);
    return seen;
  }

  #keep(seen: Seen): Seen {
    const { slotName, positionTopic, notes, clock } = this.#options;
    this.#seen.set(seen.storage.oid, seen);
    const key = Buffer.from(keyOf(slotName, seen.storage.oid));
    const value = Buffer.from(JSON.stringify(seen));
    notes.push({ topic: positionTopic, partition: 0, timestamp: clock.now(), key, value });
    return seen;
  }
}

function seenOf(kept: ReadonlyMap<string, Buffer>, prefix: string): Map<number, Seen> {
  const seen = new Map<number, Seen>();
  for (const [key, value] of kept) {
    // What another version, or somebody else, has written is looked at anew.
    const parsed = key.startsWith(prefix) ? seenJson.safeParse(jsonOrNull(value)) : null;
    if (parsed?.success === true) seen.set(parsed.data.storage.oid, parsed.data);
  }
  return seen;
}

function jsonOrNull(value: Buffer): unknown {
  try {
    return JSON.parse(value.toString('utf8')) as unknown;
  } catch {
    return null;
  }
}

/** A slot's name has no slash. */
function keyOf(slot: string, oid: number | ''): string {
  return `${slot}/storage/${oid}`;
}

function nameOf({ schema, table }: TableStorage): string {
  return `${schema}.${table}`;
}

function rewriteAlarm(table: string, reasons: readonly string[]): Alarm {
  return {
    code: 'table.rewritten',
    level: 'warn',
    about: table,
    once: true,
    message: `the topic may differ from table ${table}, for no event says so: ${reasons.join('; ')}`,
    fix: `npm run backfill -- ${table}`,
  };
}
