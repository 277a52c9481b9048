import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Clock } from '../../infra/process/clock.ts';
import { type ProcessSlot, flagsOf, processSlot } from './process-slot.ts';

const PROGRAM = fileURLToPath(new URL('copier/main.ts', import.meta.url));

export interface CopierSettings {
  readonly kafkaBootstrapServers: string;
  readonly input: string;
  readonly output: string;
  readonly outputPartitions: number;
  readonly groupId: string;
  readonly sessionTimeoutMs: number;
  readonly isBroken: boolean;
}

/** A copier's place in the job: its process may come and go, its transactional id stays. */
export interface CopierSlot extends ProcessSlot {
  readonly transactionalId: string;
}

export interface CopierOptions {
  readonly number: number;
  readonly seed: number;
  readonly folder: string;
  readonly clock: Clock;
  readonly settings: CopierSettings;
  /** Called when a copier ends without being asked to; it is started again. */
  readonly onEnd: (how: string) => void;
}

export function copierSlot({ number, seed, folder, clock, settings, onEnd }: CopierOptions): CopierSlot {
  const { isBroken, ...rest } = settings;
  const transactionalId = `${settings.groupId}-${number}`;
  const args = (run: number): string[] => [
    ...flagsOf({ ...rest, transactionalId, seed: seed * 1_000 + run * 10 + number, logLevel: 'debug' }),
    ...(isBroken ? ['--broken'] : []),
  ];
  const logFile = join(folder, `copier-${number}.log`);
  return { transactionalId, ...processSlot({ program: PROGRAM, args, logFile, clock, onEnd }) };
}
