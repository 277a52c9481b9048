import type { FuzzSubject } from './subject.ts';
import { AVRO_SUBJECTS } from './subjects/avro.ts';
import { KAFKA_SUBJECTS } from './subjects/kafka.ts';
import { KEPT_SUBJECTS } from './subjects/kept-records.ts';
import { OPTION_SUBJECTS } from './subjects/options.ts';
import { QUESTION_SUBJECTS } from './subjects/questions.ts';
import { SINK_SUBJECTS } from './subjects/sink-records.ts';
import { SOURCE_SUBJECTS } from './subjects/source-stream.ts';

/** Whatever takes bytes from outside, one by one. */
export const SUBJECTS: readonly FuzzSubject[] = [
  ...SOURCE_SUBJECTS,
  ...KAFKA_SUBJECTS,
  ...AVRO_SUBJECTS,
  ...SINK_SUBJECTS,
  ...KEPT_SUBJECTS,
  ...OPTION_SUBJECTS,
  ...QUESTION_SUBJECTS,
];
