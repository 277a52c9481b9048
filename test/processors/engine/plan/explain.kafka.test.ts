import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, inject, test } from 'vitest';
import type { Explanation } from '../../../../processors/engine/plan/explain.ts';
import { customerRevenue } from '../../../../processors/pipelines/customer-revenue.ts';
import { topics } from '../../../../schemas/topics.ts';
import { PipelineRig, until } from '../pipeline-rig.ts';

const root = join(import.meta.dirname, '../../../..');

test('the topics that are explained are those that the pipeline creates', async () => {
  await using rig = await PipelineRig.open();
  await rig.createTopics([topics.orderLines, topics.customers] as never, 3);
  const args = [
    'processors/describe.ts',
    customerRevenue.name,
    '--format',
    'json',
    '--topic-prefix',
    rig.prefix,
  ];
  const text = execFileSync(
    process.execPath,
    [...args, '--kafka-bootstrap-servers', inject('kafkaBrokers')],
    {
      cwd: root,
      encoding: 'utf8',
    },
  );
  const explanation = JSON.parse(text) as Explanation;
  await rig.cut();
  const running = rig.start(customerRevenue);
  await until(
    () => running.state,
    (state) => state === null,
  );
  expect(explanation.topics).toHaveLength(8);
  for (const { name, partitions, config } of explanation.topics) {
    expect([name, await rig.kafka.partitionCount(name)]).toEqual([name, partitions]);
    const found = await rig.kafka.describeConfigs(name);
    for (const [setting, value] of Object.entries(config ?? {}))
      expect([name, setting, found.get(setting)]).toEqual([name, setting, { value, source: 'topic' }]);
  }
});
