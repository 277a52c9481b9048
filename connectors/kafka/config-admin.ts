import { onTopic } from './access.ts';
import type { BrokerAddress, Connections, WireRequest } from './connections.ts';
import { check, checkAll } from './error-code.ts';
import type { TopicConfig, TopicPlan } from './port.ts';
import { WireWriter } from './wire.ts';

const TOPIC_RESOURCE = 2;
/** IncrementalAlterConfigs sets, deletes, appends or subtracts; only the first is needed. */
const SET = 0;

interface ConfigEntry {
  readonly configName: string;
  readonly configValue: string | null;
  readonly configSource: number;
}

interface DescribeConfigsAnswer {
  readonly resources: readonly {
    readonly errorCode: number;
    readonly resourceName: string;
    readonly configEntries: readonly ConfigEntry[];
  }[];
}

/**
 * Settings by topic. No names: all of them.
 * @throws Failure of order `retry` while a topic is not known to the broker that was asked
 */
export async function readConfigs(
  connections: Connections,
  broker: BrokerAddress,
  wanted: readonly { readonly topic: string; readonly names: readonly string[] }[],
): Promise<ReadonlyMap<string, ReadonlyMap<string, TopicConfig>>> {
  if (wanted.length === 0) return new Map();
  const answer = await connections.call<DescribeConfigsAnswer>(broker, 'DescribeConfigs', 2, {
    resources: wanted.map(({ topic, names }) => ({ type: TOPIC_RESOURCE, name: topic, configNames: names })),
  });
  return new Map(
    answer.resources.map(({ errorCode, resourceName, configEntries }) => {
      check(
        errorCode,
        `reading the configuration of topic ${resourceName}`,
        onTopic('DescribeConfigs', resourceName),
      );
      return [resourceName, new Map(configEntries.map((entry) => [entry.configName, topicConfig(entry)]))];
    }),
  );
}

function topicConfig({ configValue, configSource }: ConfigEntry): TopicConfig {
  return { value: configValue, source: SOURCES[configSource] ?? 'default' };
}

/** By the protocol's number: 2 to 4 are the dynamic and static settings of brokers. */
const SOURCES: readonly TopicConfig['source'][] = [
  'default',
  'topic',
  'broker',
  'broker',
  'broker',
  'default',
];

/**
 * IncrementalAlterConfigs version 0 (KIP-339). AlterConfigs must never be used: it resets every setting that it does
 * not name.
 * @throws Failure in the broker's words when it refuses a setting
 */
export function alterConfigsRequest(alter: TopicPlan['alter'], validateOnly: boolean): WireRequest<void> {
  const body = new WireWriter();
  body.array(alter, ({ topic, set }) => {
    body.int8(TOPIC_RESOURCE).string(topic);
    body.array(set, ({ name, to }) => body.string(name).int8(SET).string(to));
  });
  body.bool(validateOnly);
  return {
    apiKey: 44,
    apiName: 'IncrementalAlterConfigs',
    apiVersion: 0,
    flexible: false,
    body: [body.bytes()],
    decode: (reader) => {
      reader.int32(); // throttle time
      checkAll(
        reader.array(() => {
          const errorCode = reader.int16();
          const errorMessage = reader.string();
          reader.int8(); // resource type
          const topic = reader.string() ?? '';
          const needs = onTopic('AlterConfigs', topic);
          return { what: `altering topic ${topic}`, errorCode, errorMessage, needs };
        }),
      );
    },
  };
}
