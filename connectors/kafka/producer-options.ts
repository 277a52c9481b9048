import { z } from 'zod';
import type { OptionSpecs } from '../../infra/process/options.ts';
import { COMPRESSIONS } from './compression.ts';

/** What a role that writes to Kafka is told. */
export const PRODUCER_OPTIONS = {
  compressionType: {
    // Compose files pass on variables that nobody has set as empty ones.
    schema: z
      .enum(['', ...COMPRESSIONS])
      .default('')
      .transform((codec) => (codec === '' ? 'none' : codec)),
    help: `how batches are compressed: ${COMPRESSIONS.join(', ')} (none unless given)`,
    envFallback: 'KAFKA_COMPRESSION_TYPE',
  },
} as const satisfies OptionSpecs;
