import { type Right, inShell } from './access.ts';

/** Rights on one resource, or on all whose names begin so. */
export interface AclGrant {
  readonly resource: 'topic' | 'group' | 'transactional-id';
  readonly name: string;
  readonly isPrefix?: boolean;
  readonly operations: readonly Right['operation'][];
  /** Why it is needed: a comment. */
  readonly why: string;
}

/** A `kafka-acls` command for each grant, behind a comment. What is said twice of one name and pattern is said once. */
export function aclText(grants: readonly AclGrant[], principal: string, bootstrapServer: string): string {
  const merged = new Map<string, AclGrant>();
  for (const grant of grants) {
    const id = JSON.stringify([grant.resource, grant.name, grant.isPrefix === true]);
    const known = merged.get(id);
    const operations = [...new Set([...(known?.operations ?? []), ...grant.operations])].toSorted();
    const why = known === undefined ? grant.why : `${known.why}; ${grant.why}`;
    merged.set(id, { ...grant, operations, why });
  }
  return [...merged.values()]
    .map(({ resource, name, isPrefix, operations, why }) => {
      const parts = [
        `kafka-acls --bootstrap-server ${inShell(bootstrapServer)} --add --allow-principal ${inShell(principal)}`,
        ...(isPrefix === true ? ['--resource-pattern-type prefixed'] : []),
        `--${resource} ${inShell(name)}`,
        ...operations.map((operation) => `--operation ${operation}`),
      ];
      return `# ${why}\n${parts.join(' ')}\n`;
    })
    .join('');
}
