import { type CheckedContract, type UnwrittenField, isCompatible } from './contract-check.ts';

export const REPORT_FORMATS = ['text', 'json', 'github'] as const;
type ReportFormat = (typeof REPORT_FORMATS)[number];

/** What a check found: for a person, for a program, or as the annotations that GitHub's runners take from the output. */
export function checkReport(checked: readonly CheckedContract[], format: ReportFormat): string {
  switch (format) {
    case 'text':
      return `${checked.map(contractText).join('')}Summary: ${summary(checked)}\n`;
    case 'json':
      return `${JSON.stringify(reportJson(checked))}\n`;
    case 'github':
      return `${checked.flatMap(annotations).join('')}Summary: ${summary(checked)}\n`;
  }
}

function contractText({ contract, level, status, against, breaks, unwritten }: CheckedContract): string {
  const { subject, file } = contract;
  if (status === 'new') return `+ ${subject}  new\n`;
  const [first, last] = [against[0], against.at(-1)];
  const range = first === last ? `${last}` : `${first} to ${last}`;
  const notes = unwritten
    .map((one) => `  ! ${file}:${one.line}  ${unwrittenText(one)}\n    → ${UNWRITTEN_FIX}\n`)
    .join('');
  if (status === 'compatible') return `✓ ${subject}  ${level} with ${range}\n${notes}`;
  const lines = breaks.map(
    (found) =>
      `  ${file}:${found.line}  ${found.type} (${found.direction})\n    ${found.message}\n    → ${found.fix}\n`,
  );
  return `✗ ${subject}  not ${level} with ${range}\n${lines.join('')}${notes}`;
}

function summary(checked: readonly CheckedContract[]): string {
  const count = (status: CheckedContract['status']): number =>
    checked.filter((one) => one.status === status).length;
  return `${count('compatible')} compatible, ${count('new')} new, ${count('incompatible')} incompatible`;
}

function reportJson(checked: readonly CheckedContract[]): object {
  const result = checked.map(({ contract: { subject, file }, ...rest }) => ({ subject, file, ...rest }));
  return { command: 'schemas check', ok: isCompatible(checked), summary: summary(checked), result };
}

/** https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions */
function annotations({ contract, breaks, unwritten }: CheckedContract): string[] {
  const { file, subject } = contract;
  const annotation = (command: string, line: number, type: string, message: string): string => {
    const title = `${type}: ${subject}`.replaceAll(',', '%2C').replaceAll(':', '%3A');
    const text = message.replaceAll('%', '%25').replaceAll('\n', '%0A');
    return `::${command} file=${file},line=${line},title=${title}::${text}\n`;
  };
  return [
    ...breaks.map(({ line, type, message, fix }) => annotation('error', line, type, `${message}\n${fix}`)),
    ...unwritten.map((one) =>
      annotation('warning', one.line, 'NOT_WRITTEN', `${unwrittenText(one)}\n${UNWRITTEN_FIX}`),
    ),
  ];
}

const UNWRITTEN_FIX =
  'name the column that it was renamed to among its "aliases", or read it no longer; it may also be a column that is still to come';

const unwrittenText = ({ field, newest }: UnwrittenField): string =>
  `field ${field} is read as its default: ${newest}, the newest, does not have it`;
