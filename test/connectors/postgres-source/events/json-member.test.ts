import fc from 'fast-check';
import { expect, test } from 'vitest';
import { memberBytes } from '../../../../connectors/postgres-source/events/json-member.ts';

const member = (json: string, name: string): string | null =>
  memberBytes(Buffer.from(json), name)?.toString('utf8') ?? null;

test('a member is given as it was written: numbers that JavaScript cannot hold stay exact', () => {
  const json =
    '{"a": 1, "payload" : {"amount": 12345678901234567890.10, "list": [1, {"x": "}"}]} , "z": null}';
  expect(member(json, 'payload')).toBe('{"amount": 12345678901234567890.10, "list": [1, {"x": "}"}]}');
  expect(member(json, 'a')).toBe('1');
  expect(member(json, 'z')).toBe('null');
  expect(member(json, 'amount')).toBeNull();
});

test('quotes, escapes, and members of inner objects do not mislead', () => {
  expect(member('{"x":{"payload":1},"y":"\\"payload\\":2","payl\\u006fad":"a,\\\\"}', 'payload')).toBe(
    '"a,\\\\"',
  );
  expect(member('{"payload":1,"payload":[2]}', 'payload')).toBe('[2]');
  expect(member('{}', 'payload')).toBeNull();
});

test('every member of any object is found, and parses to itself', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.constantFrom(0, 2), (object, indent) => {
      const json = Buffer.from(JSON.stringify(object, null, indent));
      for (const [name, value] of Object.entries(JSON.parse(json.toString()) as object)) {
        const found: unknown = JSON.parse(memberBytes(json, name)?.toString('utf8') ?? 'missing');
        expect(found).toEqual(value);
      }
    }),
  );
});
