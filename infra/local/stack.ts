/** How the servers come about: child processes of ours, containers, or servers that somebody else runs. */
export type ProviderName = 'processes' | 'containers' | 'external';

/** Running servers: a Postgres with `wal_level=logical`, an Apache Kafka, a schema registry. Disposing stops what was started. */
export interface Stack extends AsyncDisposable {
  readonly provider: ProviderName;
  /** `host:port`, comma-separated. */
  readonly kafkaBrokers: string;
  /** Confluent-compatible base URL. */
  readonly registryUrl: string;
  /** Superuser URL of the maintenance database (`postgres`) of the server that holds the source databases. */
  readonly sourceUrl: string;
  /** The same for the server that holds the target databases; may be the same server. */
  readonly targetUrl: string;
  /** Folder of the servers' logs, null where they are not ours. */
  readonly logs: string | null;
}

export interface StackRequest {
  /** `auto`: external when URLs are given, else processes, else containers. */
  readonly provider: ProviderName | 'auto';
  /** One line of progress for a person. */
  readonly onProgress: (line: string) => void;
  /** URLs of servers that run already: all four or none. */
  readonly external?: Pick<Stack, 'kafkaBrokers' | 'registryUrl' | 'sourceUrl' | 'targetUrl'>;
}

/** One way to get the servers. */
export interface Provider {
  readonly name: ProviderName;
  /** Why this way is not open on this machine (what to install), or null when it is. */
  unavailable(): Promise<string | null>;
  start(request: StackRequest): Promise<Stack>;
}
