import { expect, test } from 'vitest';
import { Failure } from '../../../../infra/process/failure.ts';
import { judgeMissingRecords } from '../../../../processors/engine/runtime/overtaken.ts';
import { ReadPosition } from '../../../../processors/engine/runtime/read-position.ts';
import { PipelineRig } from '../pipeline-rig.ts';

const missing = new Failure('kafka.offset_out_of_range', 'stop', 'read at offset 5, its log holds 9 to 9');

/** A group that has committed offset 9 of partition 0, and nothing of partition 1. */
async function committedGroup(rig: PipelineRig) {
  const [groupId, topic] = [`${rig.prefix}-group`, `${rig.prefix}.topic`];
  await rig.kafka.ensureTopics([{ name: topic, partitions: 2, config: {} }]);
  const nobody = { groupId, generationId: -1, memberId: '' };
  await rig.kafka.commitOffsets(nobody, [{ topic, partition: 0, offset: 9 }]);
  const input = (partition: number, committed: number | null) => ({
    committed,
    read: new ReadPosition({ topic, partition }, 5),
  });
  return { groupId, topic, input };
}

test('records that are missing while another has gone on from our offsets are a reason to join again', async () => {
  await using rig = await PipelineRig.open();
  const { groupId, topic, input } = await committedGroup(rig);
  const judged = await judgeMissingRecords(missing, rig.kafka, groupId, [input(0, 5), input(1, null)]);
  expect(judged).toMatchObject({
    code: 'engine.membership_lost',
    order: 'restart',
    message: `the group ${groupId} has gone on without this member at ${topic}-0`,
    cause: missing,
  });
});

test('records that are missing while the committed offsets are ours are lost, and stop the pipeline', async () => {
  await using rig = await PipelineRig.open();
  const { groupId, input } = await committedGroup(rig);
  const inputs = [input(0, 9), input(1, null)];
  expect(await judgeMissingRecords(missing, rig.kafka, groupId, inputs)).toBe(missing);
});

test('an error of another kind is what it was', async () => {
  await using rig = await PipelineRig.open();
  const { groupId, input } = await committedGroup(rig);
  const other = new Failure('kafka.corrupt_batch', 'stop', 'checksum');
  expect(await judgeMissingRecords(other, rig.kafka, groupId, [input(0, 5)])).toBe(other);
});
