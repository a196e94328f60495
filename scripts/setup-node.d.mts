/** Types of setup-node.mjs for the tests, which are TypeScript. */

export function isAtLeast(found: string, wanted: string): boolean
export function wantedNodeVersion(repository: string): string
export function findNpmCli(env?: Readonly<Record<string, string | undefined>>): string
