import { fileURLToPath } from 'node:url';
import type { JarsRequest } from '../maven-jars.ts';

/** `connect` (Kafka Connect, the Avro converter) and `plugins` (Debezium). */
export const DEBEZIUM: JarsRequest = {
  pom: fileURLToPath(new URL('pom.xml', import.meta.url)),
  property: 'debezium.folder',
  name: 'debezium',
  what: 'Debezium and Kafka Connect',
  megabytes: 60,
};
