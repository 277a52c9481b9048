import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Clock } from '../../../infra/process/clock.ts';
import { lastError } from '../log-error.ts';
import { type ProcessSlot, flagsOf, processSlot } from '../process-slot.ts';
import { BANK_TABLE_NAMES } from './bank.ts';
import { MIRRORS } from './mirror.ts';
import { SinkFleet } from './sink-fleet.ts';
import type { TpcbRun } from './tpcb-run.ts';

const SOURCE = fileURLToPath(new URL('../../../connectors/postgres-source/main.ts', import.meta.url));

/** A source and the sinks of all mirrors, as processes. */
export interface Roles {
  /** By name of the sink. */
  readonly fleets: ReadonlyMap<string, SinkFleet>;
  /** What went wrong with processes, one line each. */
  readonly problems: () => readonly string[];
  /** Ends all in order. */
  drain(): Promise<void>;
}

/** Starts them all. */
export function startRoles(
  { servers, prefix, folder, clock, say }: Pick<TpcbRun, 'servers' | 'prefix' | 'folder' | 'clock' | 'say'>,
  sourceUrl: string,
  targetUrl: string,
): Roles {
  const place = {
    kafkaBootstrapServers: servers.kafkaBrokers,
    schemaRegistryUrl: servers.registryUrl,
    topicPrefix: prefix,
  };
  const fleets = new Map(
    MIRRORS.map((mirror) => {
      const options = { mirror, folder, place: { ...place, databaseUrl: targetUrl }, clock, say };
      return [mirror.name, new SinkFleet(options)];
    }),
  );
  const problems: string[] = [];
  const source = sourceSlot({ ...place, databaseUrl: sourceUrl }, folder, clock, (how) => {
    say(how);
    problems.push(how);
  });
  source.start();
  for (const fleet of fleets.values()) fleet.start();
  return {
    fleets,
    problems: () => [...problems, ...[...fleets.values()].flatMap((fleet) => fleet.problems)],
    async drain() {
      await Promise.all([...fleets.values()].map((fleet) => fleet.drain()));
      await source.drain();
    },
  };
}

function sourceSlot(
  place: Readonly<Record<string, string>> & { readonly topicPrefix: string },
  folder: string,
  clock: Clock,
  onProblem: (what: string) => void,
): ProcessSlot {
  const args = flagsOf({
    ...place,
    slotName: place.topicPrefix,
    tables: BANK_TABLE_NAMES.map((table) => `public.${table}`).join(','),
    stateDir: join(folder, 'state'),
  });
  const logFile = join(folder, 'source.log');
  const onEnd = (how: string): void =>
    onProblem(`the source ended by itself (${how}): ${lastError(logFile).reason}`);
  return processSlot({ program: SOURCE, args: () => args, logFile, clock, onEnd });
}
