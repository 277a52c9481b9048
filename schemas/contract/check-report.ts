import { type CheckedContract, type LocatedBreak, isCompatible } from './contract-check.ts';

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
      return `${checked.flatMap((one) => one.breaks.map((found) => annotation(one, found))).join('')}Summary: ${summary(checked)}\n`;
  }
}

function contractText({ contract, level, status, against, breaks }: CheckedContract): string {
  const { subject, file } = contract;
  if (status === 'new') return `+ ${subject}  new\n`;
  const [first, last] = [against[0], against.at(-1)];
  const range = first === last ? `${last}` : `${first} to ${last}`;
  if (status === 'compatible') return `✓ ${subject}  ${level} with ${range}\n`;
  const lines = breaks.map(
    (found) =>
      `  ${file}:${found.line}  ${found.type} (${found.direction})\n    ${found.message}\n    → ${found.fix}\n`,
  );
  return `✗ ${subject}  not ${level} with ${range}\n${lines.join('')}`;
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
function annotation({ contract }: CheckedContract, { line, type, message, fix }: LocatedBreak): string {
  const title = `${type}: ${contract.subject}`.replaceAll(',', '%2C').replaceAll(':', '%3A');
  const text = `${message}\n${fix}`.replaceAll('%', '%25').replaceAll('\n', '%0A');
  return `::error file=${contract.file},line=${line},title=${title}::${text}\n`;
}
