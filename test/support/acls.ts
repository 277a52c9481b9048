import {
  type AclEntry,
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  Kafka,
  ResourcePatternTypes,
  logLevel,
} from 'kafkajs';

const RESOURCES = {
  topic: AclResourceTypes.TOPIC,
  group: AclResourceTypes.GROUP,
  'transactional-id': AclResourceTypes.TRANSACTIONAL_ID,
} as const;
const OPERATIONS = {
  Create: AclOperationTypes.CREATE,
  Delete: AclOperationTypes.DELETE,
  Describe: AclOperationTypes.DESCRIBE,
  DescribeConfigs: AclOperationTypes.DESCRIBE_CONFIGS,
  Read: AclOperationTypes.READ,
  Write: AclOperationTypes.WRITE,
} as const;

export type Operation = keyof typeof OPERATIONS;

/** Rights on one resource, or on all whose names begin so, in the words of `kafka-acls`. */
export type Rights = readonly [
  resource: keyof typeof RESOURCES,
  name: string | { readonly prefix: string },
  ...operations: readonly Operation[],
];

/** What one principal may do at a broker that asks its ACLs. */
export interface Acls extends AsyncDisposable {
  /** Resolves when the broker heeds them. */
  readonly allow: (...rights: readonly Rights[]) => Promise<void>;
  /** Takes back what was allowed. Resolves when the broker heeds it. */
  readonly withdraw: (...rights: readonly Rights[]) => Promise<void>;
}

/** @param broker a listener whose clients may do everything */
export async function openAcls(broker: string, principal: string): Promise<Acls> {
  const admin = new Kafka({ brokers: [broker], clientId: 'acls', logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  const entriesOf = (rights: readonly Rights[]): AclEntry[] =>
    rights.flatMap(([resource, name, ...operations]) =>
      operations.map((operation) => ({
        principal,
        host: '*',
        resourceType: RESOURCES[resource],
        resourceName: typeof name === 'string' ? name : name.prefix,
        resourcePatternType:
          typeof name === 'string' ? ResourcePatternTypes.LITERAL : ResourcePatternTypes.PREFIXED,
        operation: OPERATIONS[operation],
        permissionType: AclPermissionTypes.ALLOW,
      })),
    );
  const until = async (entries: readonly AclEntry[], there: boolean): Promise<void> => {
    for (const entry of entries) while ((await admin.describeAcls(entry)).resources.length > 0 !== there);
  };
  return {
    async allow(...rights) {
      const acl = entriesOf(rights);
      if (acl.length === 0) return;
      await admin.createAcls({ acl });
      await until(acl, true);
    },
    async withdraw(...rights) {
      const filters = entriesOf(rights);
      if (filters.length === 0) return;
      await admin.deleteAcls({ filters });
      await until(filters, false);
    },
    [Symbol.asyncDispose]: () => admin.disconnect(),
  };
}

/** The rights that printed `kafka-acls` commands give, whoever the principal is. */
export function printedRights(text: string): Rights[] {
  const commands = text.split('\n').filter((line) => line.startsWith('kafka-acls '));
  return commands.map((line): Rights => {
    const valuesOf = (flag: string): string[] =>
      [...line.matchAll(new RegExp(`--${flag} (\\S+)`, 'g'))].map(([, value]) => String(value));
    const resource = (['topic', 'group', 'transactional-id'] as const).find((kind) =>
      line.includes(` --${kind} `),
    );
    if (resource === undefined) throw new Error(`no resource: ${line}`);
    const name = String(valuesOf(resource)[0]);
    const isPrefix = line.includes('--resource-pattern-type prefixed');
    return [resource, isPrefix ? { prefix: name } : name, ...(valuesOf('operation') as Operation[])];
  });
}
