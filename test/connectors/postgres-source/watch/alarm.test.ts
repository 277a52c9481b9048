import { expect, test } from 'vitest';
import { type Alarm, AlarmBoard } from '../../../../connectors/postgres-source/watch/alarm.ts';
import { silentLog } from '../../../../infra/process/log.ts';

const ALARM: Alarm = { code: 'slot.retention', level: 'warn', message: 'much is kept', fix: 'raise it' };

function board(): { readonly alarms: AlarmBoard; readonly lines: string[] } {
  const lines: string[] = [];
  const line =
    (level: string) =>
    (_: object, message: string): void =>
      void lines.push(`${level} ${message.split('\n', 1)[0]}`);
  const log = { ...silentLog, info: line('info'), warn: line('warn'), error: line('error') };
  return { alarms: new AlarmBoard(log), lines };
}

test('a standing alarm is told once, then again after ten minutes', () => {
  const { alarms, lines } = board();
  for (let nowMs = 0; nowMs < 600_000; nowMs += 10_000) alarms.show([ALARM], nowMs);
  expect(lines).toEqual(['warn much is kept']);
  alarms.show([ALARM], 600_000);
  expect(lines).toHaveLength(2);
});

test('an alarm that worsens is told at once, and so is its end', () => {
  const { alarms, lines } = board();
  alarms.show([ALARM], 0);
  alarms.show([{ ...ALARM, level: 'error', message: 'too much is kept' }], 1);
  alarms.show([], 2);
  expect(lines).toEqual(['warn much is kept', 'error too much is kept', 'info over: too much is kept']);
});

test('one code may stand for several tables', () => {
  const { alarms, lines } = board();
  alarms.show(
    [
      { ...ALARM, about: 'a' },
      { ...ALARM, about: 'b' },
    ],
    0,
  );
  alarms.show([{ ...ALARM, about: 'b' }], 1);
  expect(lines).toEqual(['warn much is kept', 'warn much is kept', 'info over: much is kept']);
});

test('a setting that may well be meant so is told once', () => {
  const { alarms, lines } = board();
  for (let nowMs = 0; nowMs < 3_600_000; nowMs += 10_000) alarms.show([{ ...ALARM, once: true }], nowMs);
  expect(lines).toEqual(['warn much is kept']);
});
