import { type BrokerFault, brokerFaultOf } from '../broker-faults.ts';
import { type Planned, type Random, between, laneText, pick, planLane, whole } from '../fault-lane.ts';
import { type ProcessFault, type ScaleFault, processFaultOf, scaleFaultOf } from '../process-faults.ts';
import { seededRandom } from '../seeded-random.ts';
import type { Moment } from './broken-line.ts';
import { TABLES } from './sink-tables.ts';

/** Sink processes, when all run. */
export const SINKS = 3;
/** The first so many are static members of their group. */
export const STATIC_SINKS = 2;
/** Milliseconds without a heartbeat after which the group goes on without a sink. */
export const SESSION_TIMEOUT_MS = 3_000;

/** Longer than the session, up to longer than Postgres lets one sleep inside a transaction. */
const FROZEN_MS = { from: SESSION_TIMEOUT_MS + 500, to: 12_000 };
/** So long that others have taken over from it and written. */
const ZOMBIE_MS = { from: SESSION_TIMEOUT_MS + 2_000, to: 10_000 };
/** Sinks have to get somewhere between two faults, or nothing is tested but how they start. */
const PAUSE_MS = { from: 4_000, to: 12_000 };
const SHORT_PAUSE_MS = { from: 1_000, to: 5_000 };
/** How long a transaction is waited for. One comes by sooner, unless the sink has nothing to write or does not run. */
export const MOMENT_MAX_MS = 4_000;
const HELD_MS = { from: 1_000, to: 13_000 };
const SLOW = { forMs: { from: 2_000, to: 8_000 }, delayMs: { from: 20, to: 400 } };
/** Shorter and longer than a sink waits for a lock. */
const LOCKED_MS = { from: 1_000, to: 9_000 };

/** What happens to one sink's next transaction. */
export interface TransactionFault {
  /**
   * `cut`: both ends of the line hear of it; `deaden`: neither does; `hold`: what was sent comes later; `freeze`: the sink
   * sleeps, before a BEGIN with its records in hand and nothing yet at the server.
   */
  readonly kind: 'cut' | 'deaden' | 'hold' | 'freeze';
  readonly moment: Moment;
  readonly slot: number;
  /** How long it is held or sleeps; else how long a transaction is waited for. */
  readonly forMs: number;
}

/** What happens between one sink and Postgres. */
export type LineFault =
  | TransactionFault
  | { readonly kind: 'cut line'; readonly slot: number; readonly forMs: 0 }
  | { readonly kind: 'slow line'; readonly slot: number; readonly forMs: number; readonly delayMs: number };

/** What happens to Postgres. */
export type DatabaseFault =
  | { readonly kind: 'end a session'; readonly forMs: 0 }
  | { readonly kind: 'lock'; readonly table: string; readonly forMs: number }
  | { readonly kind: 'restart postgres'; readonly isCrash: boolean; readonly forMs: number };

export interface SinkFaultSchedule {
  readonly processes: readonly Planned<ProcessFault>[];
  readonly scale: readonly Planned<ScaleFault>[];
  readonly lines: readonly Planned<LineFault>[];
  readonly database: readonly Planned<DatabaseFault>[];
  readonly brokers: readonly Planned<BrokerFault>[];
}

/** The faults of `seconds` seconds in five lanes; a seed always gives the same ones. */
export function planSinkFaults(seed: number, seconds: number): SinkFaultSchedule {
  const random = seededRandom(seed);
  const own = (): Random => seededRandom(Math.floor(random() * 2 ** 32));
  return {
    processes: planLane(seconds, own(), sinkFault, PAUSE_MS),
    scale: planLane(seconds, own(), scaleFaultOf(SINKS), PAUSE_MS),
    lines: planLane(seconds, own(), lineFault, SHORT_PAUSE_MS),
    database: planLane(seconds, own(), databaseFault, PAUSE_MS),
    brokers: planLane(seconds, own(), brokerFaultOf(1), PAUSE_MS),
  };
}

const anySinkFault = processFaultOf(SINKS, FROZEN_MS);

/** Without a name of its own nobody can take a sink's place. */
function sinkFault(random: Random): ProcessFault {
  const fault = anySinkFault(random);
  return fault.kind === 'overtake' && fault.slot >= STATIC_SINKS ? { ...fault, kind: 'freeze' } : fault;
}

function lineFault(random: Random): LineFault {
  const slot = whole(random, SINKS);
  const moment = pick(random, ['before COMMIT', 'after COMMIT'] as const);
  const dice = random();
  if (dice < 0.3) return { kind: 'cut', moment, slot, forMs: MOMENT_MAX_MS };
  if (dice < 0.6) return { kind: 'freeze', moment: 'before BEGIN', slot, forMs: between(random, ZOMBIE_MS) };
  if (dice < 0.72) return { kind: 'hold', moment, slot, forMs: between(random, HELD_MS) };
  if (dice < 0.8) return { kind: 'freeze', moment, slot, forMs: between(random, FROZEN_MS) };
  if (dice < 0.84) return { kind: 'deaden', moment, slot, forMs: MOMENT_MAX_MS };
  if (dice < 0.92) return { kind: 'cut line', slot, forMs: 0 };
  const forMs = between(random, SLOW.forMs);
  return { kind: 'slow line', slot, forMs, delayMs: between(random, SLOW.delayMs) };
}

function databaseFault(random: Random): DatabaseFault {
  const dice = random();
  if (dice < 0.35) return { kind: 'end a session', forMs: 0 };
  if (dice < 0.8)
    return { kind: 'lock', table: pick(random, TABLES).name, forMs: between(random, LOCKED_MS) };
  const forMs = between(random, { from: 0, to: 2_000 });
  return { kind: 'restart postgres', isCrash: random() < 0.5, forMs };
}

/** A fault for a person. */
export function lineFaultText(fault: LineFault): string {
  const line = `the line of sink ${fault.slot + 1}`;
  if ('moment' in fault) return `${fault.kind} ${line} ${fault.moment}`;
  return 'delayMs' in fault ? `slow ${line} by ${fault.delayMs} ms` : `cut ${line}`;
}

/** A fault for a person. */
export function databaseFaultText(fault: DatabaseFault): string {
  if (fault.kind === 'lock') return `lock ${fault.table}`;
  return fault.kind === 'restart postgres' && fault.isCrash ? 'crash postgres' : fault.kind;
}

/** The plan for a person, a line for each lane. */
export function planText({ processes, scale, lines, database, brokers }: SinkFaultSchedule): string[] {
  return [
    laneText('sinks', processes, ({ kind, slot }) => `${kind} ${slot + 1}`),
    laneText('scale', scale, ({ to, first }) => `${to} from ${first + 1} on`),
    laneText('lines', lines, lineFaultText),
    laneText('postgres', database, databaseFaultText),
    laneText('brokers', brokers, (fault) =>
      'node' in fault ? `${fault.kind} by ${fault.node.by}` : fault.kind,
    ),
  ];
}
