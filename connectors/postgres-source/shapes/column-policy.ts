/** What is done to the values of a column before they go anywhere. SQL null stays null under every policy. */
export type ColumnPolicy =
  /** The values go out as they are. */
  | { readonly kind: 'keep' }
  /** The column does not exist for readers. */
  | { readonly kind: 'exclude' }
  | MaskPolicy;

/** Something else goes out in place of the values. */
export type MaskPolicy =
  /** `mask`: a constant; `hash`: HMAC-SHA-256 of the text, in hex. */
  | { readonly kind: 'mask' | 'hash' }
  /** `truncate:N`: the first N characters of the text. */
  | { readonly kind: 'truncate'; readonly charactersMax: number };

const PLAIN = ['keep', 'exclude', 'mask', 'hash'] as const;

/** `keep`, `exclude`, `mask`, `hash` or `truncate:N`; null for anything else. */
export function columnPolicy(text: string): ColumnPolicy | null {
  const kind = PLAIN.find((plain) => plain === text);
  if (kind !== undefined) return { kind };
  const charactersMax = /^truncate:(\d{1,9})$/.exec(text)?.[1];
  return charactersMax === undefined ? null : { kind: 'truncate', charactersMax: Number(charactersMax) };
}

export function policyText(policy: ColumnPolicy): string {
  return policy.kind === 'truncate' ? `truncate:${policy.charactersMax}` : policy.kind;
}
