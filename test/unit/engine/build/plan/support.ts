/** Plans of short Dockerfiles, with images that exist by name only. */
import type { BuildRequest } from '../../../../../src/api/types/build.ts'
import type { ImageConfig } from '../../../../../src/api/types/index.ts'
import { parseDockerfile } from '../../../../../src/engine/build/dockerfile/parse.ts'
import type { Operation, Plan, Work } from '../../../../../src/engine/build/plan.ts'
import { createPlan } from '../../../../../src/engine/build/plan/create-plan.ts'
import type { ImageWish } from '../../../../../src/engine/build/plan/plan-context.ts'
import type { Platform } from '../../../../../src/engine/build/plan/stage-state.ts'
import { NotFoundError } from '../../../../../src/errors.ts'

const LAYER = `sha256:${'1'.repeat(64)}`

export const DEBIAN: ImageConfig = {
  architecture: 'amd64',
  os: 'linux',
  config: { Env: ['PATH=/usr/bin', 'LANG=C'], Cmd: ['bash'], WorkingDir: '/root' },
  rootfs: { type: 'layers', diff_ids: [LAYER] },
  history: [{ created: '2024-01-01T00:00:00Z', created_by: 'debootstrap' }],
}

export interface Planned extends Plan {
  readonly asked: readonly ImageWish[]
}

export interface PlanWish {
  readonly request?: Partial<BuildRequest>
  readonly images?: Readonly<Record<string, ImageConfig>>
  readonly targetPlatform?: Platform
}

export async function planOf(
  text: string,
  { request = {}, images = {}, targetPlatform }: PlanWish = {},
): Promise<Planned> {
  const known: Readonly<Record<string, ImageConfig>> = { debian: DEBIAN, ...images }
  const asked: ImageWish[] = []
  const whole: BuildRequest = { context: { kind: 'directory', path: '/ctx' }, ...request }
  const plan = await createPlan(parseDockerfile(text, 'Dockerfile'), whole, {
    buildPlatform: { os: 'linux', architecture: 'amd64' },
    targetPlatform,
    async resolveImage(wish) {
      asked.push(wish)
      const name = wish.source.kind === 'image' ? wish.source.reference : wish.source.path
      const config = known[name]
      if (config === undefined)
        throw new NotFoundError(`No such image: ${name}`, { code: 'NO_SUCH_IMAGE', hint: 'pull it' })
      return { reference: `docker.io/library/${name}:latest`, id: `sha256:${name}`, chainIds: [LAYER], config }
    },
  })
  return { ...plan, asked }
}

export const names = ({ operations }: Plan): string[] => operations.map(({ name }) => name)

export const told = ({ image }: Plan): (string | undefined)[] => image.history.map((step) => step.created_by)

export function worksOf<K extends Work['kind']>(plan: Plan, kind: K): Extract<Work, { readonly kind: K }>[] {
  const isOfKind = (work: Work): work is Extract<Work, { readonly kind: K }> => work.kind === kind
  return plan.operations.map((operation: Operation) => operation.work).filter(isOfKind)
}
