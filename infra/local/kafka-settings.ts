interface KafkaAddresses {
  /** What the broker binds to, `host:port`. */
  readonly broker: string;
  readonly controller: string;
  /** What clients are told to connect to. */
  readonly advertised: string;
}

/** One node that is broker and controller. Few partitions for the internal topics: each costs files and time. */
export function kafkaSettings(addresses: KafkaAddresses): Readonly<Record<string, string>> {
  return {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@${addresses.controller}`,
    listeners: `PLAINTEXT://${addresses.broker},CONTROLLER://${addresses.controller}`,
    'advertised.listeners': `PLAINTEXT://${addresses.advertised}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
    'auto.create.topics.enable': 'false',
    'group.initial.rebalance.delay.ms': '0',
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '4',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'transaction.state.log.num.partitions': '4',
    'share.coordinator.state.topic.replication.factor': '1',
    'share.coordinator.state.topic.min.isr': '1',
    'share.coordinator.state.topic.num.partitions': '1',
    'log.cleaner.dedupe.buffer.size': '16777216',
    // Topics that say nothing keep everything: event times may be long past, and retention goes by them.
    'log.retention.ms': '-1',
    // Minutes are too seldom for a disk that a load test fills.
    'log.retention.check.interval.ms': '10000',
    'num.network.threads': '2',
    'num.io.threads': '4',
  };
}

/** As the text of a `server.properties`. */
export function asProperties(settings: Readonly<Record<string, string>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

/** As the environment that the apache/kafka image reads: `_` for `.`, `__` for `_`, `___` for `-`. */
export function asKafkaEnv(settings: Readonly<Record<string, string>>): Record<string, string> {
  const variable = (name: string): string =>
    `KAFKA_${name.replaceAll('_', '__').replaceAll('-', '___').replaceAll('.', '_').toUpperCase()}`;
  return Object.fromEntries(Object.entries(settings).map(([name, value]) => [variable(name), value]));
}
