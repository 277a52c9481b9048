import { Failure } from '../../infra/process/failure.ts';
import { type TableName, plainName } from './target-table.ts';

const ENTRY = /^([^=]+)=([^.]+)\.(.+)$/;

/**
 * Reads `topic=schema.table,..`: topic without its prefix, names as they are in the catalog (no quotes, no folding).
 * @throws Failure `config.invalid` (stop) for another form, and where two topics would fill one table
 */
export function parseTableMapping(text: string): ReadonlyMap<string, TableName> {
  const tables = new Map<string, TableName>();
  const taken = new Set<string>();
  for (const entry of text.split(',').map((part) => part.trim())) {
    const [, topic, schema, table] = ENTRY.exec(entry) ?? [];
    if (topic === undefined || schema === undefined || table === undefined)
      throw invalid(`"${entry}" is not of the form topic=schema.table`);
    const name = { schema, table };
    if (tables.has(topic)) throw invalid(`topic ${topic} is named twice`);
    if (taken.has(plainName(name))) throw invalid(`two topics would fill ${plainName(name)}`);
    taken.add(plainName(name));
    tables.set(topic, name);
  }
  return tables;
}

function invalid(message: string): Failure {
  return new Failure('config.invalid', 'stop', `tables: ${message}`, {
    fix: 'name each topic once, e.g. --tables public.orders=public.orders,enriched=analytics.enriched',
  });
}
