import type { ProducerRecord } from '../../../connectors/kafka/port.ts';

/** What the next transaction will carry. Records wait here, not in an open transaction, which would hold readers back. */
export class PendingOutput {
  #records: ProducerRecord[] = [];
  #bytes = 0;

  get records(): readonly ProducerRecord[] {
    return this.#records;
  }

  /** Bytes of keys and values. */
  get bytes(): number {
    return this.#bytes;
  }

  add(record: ProducerRecord): void {
    this.#records.push(record);
    this.#bytes += (record.key?.length ?? 0) + (record.value?.length ?? 0);
  }

  clear(): void {
    this.#records = [];
    this.#bytes = 0;
  }
}
