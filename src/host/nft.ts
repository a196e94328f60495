/**
 * nftables in the present network namespace: libnftables in-process when the library is there (about 1 ms a
 * transaction), else the `nft` program. Source: man 8 nft, man 5 libnftables-json.
 */

export interface Nft {
  /** Applies the text as one transaction. Throws ToolError with nft's message. */
  apply(ruleset: string): Promise<void>
  /** As apply, synchronous, for use inside Netns.inside; needs libnftables or falls back to spawnSync nft. */
  applySync(ruleset: string): void
  /** `nft -j list ...`: the parsed JSON, or undefined when the object does not exist. */
  list(what: string): Promise<unknown>
}
