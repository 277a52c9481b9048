import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { thisMachine } from '../../../infra/local/machine.ts';
import type { StackRequest } from '../../../infra/local/stack.ts';
import { startStack } from '../../../infra/local/start-stack.ts';
import type { Clock } from '../../../infra/process/clock.ts';
import { ownLoad } from './load.ts';
import { MIRRORS } from './mirror.ts';
import { hasPgbench, pgbenchLoad } from './pgbench-load.ts';
import { planSinkFaults, planText } from './tpcb-faults.ts';
import { type TpcbVerdict, isTpcbRight, runTpcb } from './tpcb-run.ts';

/** Between two quiet points. */
const ROUND_MS = 15_000;

export interface TpcbScenario {
  readonly seconds: number;
  readonly seed: number;
  readonly clock: Clock;
  /** One line for a person. */
  readonly say: (line: string) => void;
  /** Ends the faults early. */
  readonly signal: AbortSignal;
}

/** {@link runTpcb} with the faults of a seed, on servers of its own or on others, and with pgbench where there is one. */
export async function runTpcbScenario(scenario: TpcbScenario, request: StackRequest): Promise<TpcbVerdict> {
  const { say, seed, seconds, clock } = scenario;
  const folder = await mkdtemp(join(thisMachine().tmpFolder, 'millrace-chaos-'));
  const isPgbench = hasPgbench();
  const who = isPgbench ? 'pgbench' : 'sessions of our own, for want of pgbench,';
  say(`seed ${seed}, ${seconds} s, ${who} under ${MIRRORS.length} sinks, logs in ${folder}`);
  const lanes = planSinkFaults(seed, seconds);
  for (const line of planText(lanes)) say(line);
  await using servers = await startStack(request);
  const verdict = await runTpcb({
    ...scenario,
    servers,
    // External servers may have seen another run.
    prefix: `tpcb_${seed}_${clock.now().toString(36)}`,
    folder,
    lanes,
    roundMs: ROUND_MS,
    loadOf: isPgbench ? (options) => pgbenchLoad(options, folder) : ownLoad,
  });
  const { faults, quietPoints, accounts, problems } = verdict;
  say(
    `${faults} faults, ${quietPoints} quiet points, ${accounts} accounts compared with their history at an LSN`,
  );
  for (const problem of problems) say(problem);
  if (isTpcbRight(verdict)) await rm(folder, { recursive: true, force: true });
  else say(`logs of the source and the sinks are in ${folder}, seed ${seed}`);
  return verdict;
}
