import type { ChainPlace } from './chain.ts';

/** Commands for a second terminal, while the demo stays up. */
export function tryItText(place: ChainPlace): string {
  return `
The chain stays up. Try it from another terminal:

  # change a customer in the source ...
  psql '${place.sourceUrl}' -c "UPDATE customers SET segment = 'VIP' WHERE customer_id = 'CG-12520'"
  # ... and see the row follow in the target
  psql '${place.targetUrl}' -c "SELECT * FROM customer_revenue WHERE customer_id = 'CG-12520'"

  # sell something, and watch the revenue
  psql '${place.sourceUrl}' -c "UPDATE order_lines SET sales = sales + 1000 WHERE customer_id = 'CG-12520'"

  # read a topic (where kcat is built with Avro, add: -s avro -r ${place.registryUrl})
  kcat -b ${place.kafkaBrokers} -X isolation.level=read_committed -C -t ${place.topicPrefix}.customer_revenue -o -5 -e -f '%p/%o %T %k %S bytes\\n'

  # is the WAL filling the disk?
  psql '${place.sourceUrl}' -c "SELECT slot_name, active, wal_status, confirmed_flush_lsn FROM pg_replication_slots"

Ctrl-C stops everything and removes it.
`;
}
