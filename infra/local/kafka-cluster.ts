import type { ProviderName } from './stack.ts';

/** Kafka nodes of a cluster that is made to be broken: three tolerate the loss of one. */
export const CLUSTER_NODES = [1, 2, 3] as const;

export type NodeId = (typeof CLUSTER_NODES)[number];

/** One broker that is a controller too. Its data and its address stay the same from start to start. */
export interface KafkaNode {
  readonly id: NodeId;
  /** `host:port` */
  readonly broker: string;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  /** SIGTERM: it hands its leaderships over first. Resolves when it is gone. */
  stop(): Promise<void>;
  /** Resolves when it serves again. */
  start(): Promise<void>;
  /** SIGSTOP: its connections stay open and nobody answers. */
  pause(): Promise<void>;
  /** SIGCONT */
  resume(): Promise<void>;
}

/** A Kafka of three nodes for tests that break it. Disposing stops it and removes its data. */
export interface KafkaCluster extends AsyncDisposable {
  readonly provider: Exclude<ProviderName, 'external'>;
  /** All three, `host:port`, comma-separated. */
  readonly brokers: string;
  readonly nodes: readonly KafkaNode[];
  node(id: number): KafkaNode;
  /**
   * Runs one of Kafka's own Java tools to its end, with `--bootstrap-server` and the given arguments.
   * @param mainClass for example `org.apache.kafka.tools.LeaderElectionCommand`
   * @param input what the tool reads from its standard input
   * @returns its standard output
   * @throws Failure `local.program_failed` with the end of its error output
   */
  runTool(mainClass: string, args: readonly string[], input?: string): Promise<string>;
  /** Saves the nodes' logs from being removed with the cluster; returns their folder. */
  keepLogs(): Promise<string>;
}

export interface ClusterRequest {
  /** `auto`: processes, else containers. */
  readonly provider: KafkaCluster['provider'] | 'auto';
  /** One line of progress for a person. */
  readonly onProgress: (line: string) => void;
}

/** One way to get a cluster. */
export interface ClusterProvider {
  readonly name: KafkaCluster['provider'];
  /** Why this way is not open on this machine (what to install), or null when it is. */
  unavailable(): Promise<string | null>;
  start(request: ClusterRequest): Promise<KafkaCluster>;
}
