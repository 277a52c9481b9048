import { systemClock } from '../../../infra/process/clock.ts';
import { TABLE_CONFIG } from '../../../schemas/topic.ts';
import { watchTopic } from './topic-watch.ts';
import { type ProgramRun, copyOut, receiveLogical } from './ceiling.ts';
import type { BenchPlace } from './bench-place.ts';
import type { DebeziumRequest, DebeziumWorker } from './debezium-worker.ts';
import type { BenchDatabase } from './bench-database.ts';
import { ORDERS } from './orders-table.ts';
import type { PartRun } from './part.ts';
import { forgetPeak } from './process-cost.ts';
import { runReader } from './run-spec.ts';
import { startSourceRole } from './source-role.ts';
import type { RoleNames, SourceRole } from './source-role.ts';
import type { WalSegment } from './wal-segment.ts';

const POLL_MS = 50;

/** What all runs of a bench have in common. */
export interface Measuring {
  readonly place: BenchPlace;
  readonly partitions: number;
  readonly compression: string;
}

const runOf = (rows: number, { seconds, cpuSeconds }: ProgramRun): PartRun => ({
  rowsPerSecond: rows / seconds,
  cpuMicrosPerRow: (cpuSeconds / rows) * 1e6,
  peakMib: null,
});

export async function ceilingRun({ database, rows, endLsn, ...segment }: WalSegment): Promise<PartRun> {
  const slot = `${database.name}_ceiling`;
  await segment.copySlot(slot);
  const run = await receiveLogical(database.url, slot, endLsn);
  await segment.dropSlot(slot);
  return runOf(rows, run);
}

export async function copyRun({ url }: BenchDatabase, rows: number): Promise<PartRun> {
  return runOf(rows, await copyOut(url, ORDERS));
}

export async function readerRun(
  { place }: Measuring,
  segment: WalSegment,
  program: 'reader-run.ts' | 'drain-run.ts' | 'peer-run.ts' | 'offline-run.ts',
): Promise<PartRun> {
  const { name } = segment.database;
  // The source knows its slot by its position in Kafka, which is of one slot.
  const slot = program === 'peer-run.ts' || program === 'drain-run.ts' ? `${name}_other` : name;
  if (slot === name) await segment.rewind();
  else await segment.copySlot(slot);
  const run = await runReader(place, program, segment, slot);
  if (slot !== name) await segment.dropSlot(slot);
  return run;
}

export async function roleRun(measuring: Measuring, segment: WalSegment, round: number): Promise<PartRun> {
  const { name } = segment.database;
  const prefix = `${name}_${round}`;
  const topic = { name: `${prefix}.${ORDERS}`, partitions: measuring.partitions, config: TABLE_CONFIG };
  await measuring.place.kafka.ensureTopics([topic]);
  await segment.rewind(prefix);
  return await watchRole(measuring, segment.database, segment.rows, { slot: name, prefix }, {});
}

/** The snapshot of a new source: slot, position and topics of its own. */
export async function snapshotRun(
  measuring: Measuring,
  database: BenchDatabase,
  rows: number,
  mode: 'exported' | 'chunked',
  round: number,
): Promise<PartRun> {
  const { kafka } = measuring.place;
  const slot = `${database.name}_${mode}_${round}`;
  const topic = `${slot}.${ORDERS}`;
  await kafka.ensureTopics([{ name: topic, partitions: measuring.partitions, config: TABLE_CONFIG }]);
  const run = await watchRole(measuring, database, rows, { slot, prefix: slot }, { 'snapshot-mode': mode });
  await database.value(`SELECT pg_drop_replication_slot('${slot}')`);
  return run;
}

async function watchRole(
  { place, partitions, compression }: Measuring,
  database: BenchDatabase,
  rows: number,
  names: RoleNames,
  flags: Readonly<Record<string, string>>,
): Promise<PartRun> {
  const topic = `${names.prefix}.${ORDERS}`;
  const all = { partitions: String(partitions), 'compression-type': compression, ...flags };
  let role: SourceRole | null = null;
  const failed = Promise.withResolvers<never>();
  const start = async (): Promise<void> => {
    role = startSourceRole(place, database, names, all);
    void role.ended.then((log) => failed.reject(new Error(`the source ended:\n${log}`)));
  };
  const pid = (): number => role?.pid ?? -1;
  const watched = watchTopic(place.kafka, { topic, partitions, rows, pid }, start);
  // The role ends in any case, and the watch of a role that failed ends in an error of its own.
  for (const one of [watched, failed.promise]) one.catch(() => undefined);
  const run = await Promise.race([watched, failed.promise]);
  await (role as SourceRole | null)?.stop();
  return run;
}

/** Debezium from a slot before the first row of a segment. */
export async function debeziumRun(
  measuring: Measuring,
  worker: DebeziumWorker,
  segment: WalSegment,
  round: number,
): Promise<PartRun> {
  const { database, rows } = segment;
  const slot = `${database.name}_debezium`;
  await segment.copySlot(slot);
  const request = { url: database.url, slot, prefix: `${database.name}.debezium${round}` };
  const run = await watchDebezium(measuring, worker, rows, { ...request, snapshot: 'no_data' });
  await segment.dropSlot(slot);
  return run;
}

export async function debeziumSnapshotRun(
  measuring: Measuring,
  worker: DebeziumWorker,
  { name, url, value }: BenchDatabase,
  rows: number,
  round: number,
): Promise<PartRun> {
  const slot = `${name}_debezium_${round}`;
  const request = { url, slot, prefix: `${name}.debezium${round}` };
  const run = await watchDebezium(measuring, worker, rows, { ...request, snapshot: 'initial' });
  const active = `SELECT count(*) FROM pg_replication_slots WHERE slot_name = '${slot}' AND active`;
  while (Number(await value(active)) > 0) await systemClock.sleep(POLL_MS);
  await value(`SELECT pg_drop_replication_slot('${slot}')`);
  return run;
}

async function watchDebezium(
  { place, partitions }: Measuring,
  worker: DebeziumWorker,
  rows: number,
  request: DebeziumRequest,
): Promise<PartRun> {
  const topic = `${request.prefix}.${ORDERS}`;
  await place.kafka.ensureTopics([{ name: topic, partitions, config: TABLE_CONFIG }]);
  const pid = (): number => worker.pid;
  try {
    forgetPeak(worker.pid);
    return await watchTopic(place.kafka, { topic, partitions, rows, pid }, () => worker.start(request));
  } catch (error) {
    throw new Error(`Debezium did not come to its end; its log says:\n${worker.lastErrors()}`, {
      cause: error,
    });
  } finally {
    await worker.stop();
  }
}
