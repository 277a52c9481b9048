import type { Compression } from '../../connectors/kafka/compression.ts';

/** A run of one client in a process of its own, as the bench asks for it. */
export interface RunSpec {
  readonly client: ClientName;
  readonly what: 'produce' | 'consume';
  readonly brokers: string;
  readonly topic: string;
  readonly partitions: number;
  readonly compression: Compression;
  /** Records of one send. */
  readonly batchRecords: number;
  /** Milliseconds of load before the measurement begins, and of the measurement (produce). */
  readonly warmUpMs: number;
  readonly measureMs: number;
  /** Records that the topic holds (consume): the first fifth warms up, the rest is measured. */
  readonly records: number;
  /** Folder in which the peers are installed. */
  readonly peers: string;
}

export const CLIENTS = ['millrace', 'kafkajs', 'platformatic', 'kafka-crab-js', 'socket'] as const;
export type ClientName = (typeof CLIENTS)[number];

/** What a client does under load. `step` resolves when its records are acknowledged, or with how many it has read. */
export interface BenchClient {
  /** One send of `batchRecords` records with acks=all. */
  send?(batch: readonly BenchRecord[]): Promise<void>;
  /** Reads the topic from its beginning; told of every record that was read, with its key's and value's bytes. */
  consume?(onRecords: (records: number, bytes: number) => void): Promise<void>;
  close(): Promise<void>;
}

export interface BenchRecord {
  readonly partition: number;
  readonly key: Buffer;
  readonly value: Buffer;
}

export interface RunResult {
  readonly records: number;
  readonly bytes: number;
  /** Seconds of the process, user and system, all threads. */
  readonly cpuSeconds: number;
  readonly wallSeconds: number;
  readonly rssMib: number;
}
