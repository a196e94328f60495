/** What a Dockerfile may only do when the one who builds allows it. Source: docker-docs "build entitlements". PURE. */
import type { BuildRequest } from '../../../api/types/build.ts'
import { MycomposeError } from '../../../errors.ts'
import type { RunStep } from './step.ts'

/** What a request grants: what it names, and what its own settings ask for. */
export function entitlementsOf({ entitlements = [], network, privileged }: BuildRequest): readonly string[] {
  return [
    ...entitlements,
    ...(network === 'host' ? ['network.host'] : []),
    ...(privileged === true ? ['security.insecure'] : []),
  ]
}

function refusal(what: string, entitlement: string): MycomposeError {
  return new MycomposeError(`${what} is not allowed`, {
    code: 'BUILD_ENTITLEMENT',
    hint: `allow it with "entitlements: [${entitlement}]" of "build", or --allow ${entitlement}`,
  })
}

/** Throws BUILD_ENTITLEMENT. The plan has looked too; nothing gets to the kernel that has not passed here. */
export function checkEntitlements({ work, entitlements }: Pick<RunStep, 'work' | 'entitlements'>): void {
  if (work.security === 'insecure' && !entitlements.includes('security.insecure'))
    throw refusal('RUN --security=insecure', 'security.insecure')
  if (work.network === 'host' && !entitlements.includes('network.host'))
    throw refusal('the network of the host', 'network.host')
}
