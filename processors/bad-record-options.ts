import { z } from 'zod';
import type { OptionSpecs, Options } from '../infra/process/options.ts';
import { type BadRecordPolicies, DROP_POLICIES, ERROR_POLICIES } from './engine/bad-record-policies.ts';

/** What a processor does about records that are at fault themselves. */
export const BAD_RECORD_OPTIONS = {
  deserializationError: {
    schema: z.enum(ERROR_POLICIES).default('fail'),
    help: 'what becomes of a record whose bytes cannot be decoded: fail (stop in front of it), dlq (into <application id>-dlq, and go on) or skip (count it, and go on)',
  },
  processingError: {
    schema: z.enum(ERROR_POLICIES).default('fail'),
    help: 'what becomes of a record for which a function of the pipeline throws: fail, dlq or skip; nothing of what it had done before remains',
  },
  droppedRecords: {
    schema: z.enum(DROP_POLICIES).default('count'),
    help: 'what becomes of records that are late, or have no key or no time where they need one: count, or dlq (count, and into <application id>-dlq)',
  },
} as const satisfies OptionSpecs;

/** The policies that the options ask for. */
export function badRecordPolicies(options: Options<typeof BAD_RECORD_OPTIONS>): BadRecordPolicies {
  const { deserializationError, processingError, droppedRecords } = options;
  return { deserialization: deserializationError, processing: processingError, dropped: droppedRecords };
}
