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

/** Rights on one resource, in the words of `kafka-acls`. */
export type Rights = readonly [
  resource: keyof typeof RESOURCES,
  name: string,
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
    rights.flatMap(([resource, resourceName, ...operations]) =>
      operations.map((operation) => ({
        principal,
        host: '*',
        resourceType: RESOURCES[resource],
        resourceName,
        resourcePatternType: ResourcePatternTypes.LITERAL,
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
