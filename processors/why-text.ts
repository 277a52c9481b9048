import { z } from 'zod';

const answerSchema = z.object({
  operators: z.array(
    z.object({
      operator: z.string(),
      kind: z.string(),
      task: z.string(),
      streamTime: z.number().nullable(),
      pending: z.array(
        z.object({
          what: z.string(),
          until: z.number(),
          outcome: z.string(),
          side: z.string().optional(),
          entry: z.record(z.string(), z.unknown()),
        }),
      ),
    }),
  ),
  elsewhere: z.array(
    z.object({
      operator: z.string(),
      subTopology: z.number(),
      partition: z.number(),
      instance: z.object({ instance: z.string(), host: z.string() }).nullable(),
    }),
  ),
  unlike: z.array(z.string()),
  truncated: z.boolean(),
});

/** The answer of `/why` for people: one paragraph for each operator. @throws ZodError when it is none */
export function whyText(answer: unknown): string {
  const { operators, elsewhere, unlike, truncated } = answerSchema.parse(answer);
  const lines = operators.flatMap(({ operator, kind, task, streamTime, pending }) => [
    `${operator} (${kind}, task ${task}): stream time ${streamTime === null ? 'none yet' : timeText(streamTime)}`,
    ...(pending.length === 0 ? ['  nothing is pending'] : []),
    ...pending.map(
      ({ what, until, outcome, side, entry }) =>
        `  ${side === undefined ? '' : `${side} `}${what.replaceAll('_', ' ')} ${JSON.stringify(entry)}\n` +
        `    until ${timeText(until)}${left(until, streamTime)}: ${outcome}`,
    ),
  ]);
  for (const { operator, subTopology, partition, instance } of elsewhere) {
    const owner = instance === null ? 'nobody has it now' : `ask ${instance.instance} on ${instance.host}`;
    lines.push(`${operator}: task ${subTopology}_${partition} is not here, ${owner}`);
  }
  if (unlike.length > 0) lines.push(`keys of another type: ${unlike.join(', ')}`);
  if (operators.length + elsewhere.length === 0) lines.push('nothing is pending');
  if (truncated) lines.push('there is more than an answer holds');
  return `${lines.join('\n')}\n`;
}

/** The stream time itself, and as a date where it is one. */
function timeText(time: number): string {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? String(time) : `${time} (${date.toISOString()})`;
}

function left(until: number, streamTime: number | null): string {
  if (streamTime === null) return '';
  return until <= streamTime ? ', with the next record' : `, in ${until - streamTime} ms of stream time`;
}
