/** What builds keep besides layers, as parts of the build cache: one folder or file for each of them, below build/ of the root. */
import { errnoOf } from '../../../errors.ts'
import type { EngineBase } from '../../context.ts'

export interface KeptPlace {
  /** Its name: 64 hex digits. */
  readonly place: string
  /** Without a password. */
  readonly description: string
  readonly sizeBytes: number
  readonly createdAtMs: number
  readonly usedAtMs: number
}

/** Names in the folder; none when it is not there. */
export async function listFolder({ host }: Pick<EngineBase, 'host'>, path: string): Promise<string[]> {
  try {
    return await host.files.readdir(path)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []
    throw error
  }
}

/** Of a kept.json; "" while it is being made, or when it is damaged: it can be removed all the same. */
export function urlOf(text: string | undefined): string {
  try {
    const { url } = JSON.parse(text ?? '') as { readonly url?: unknown }
    return typeof url === 'string' ? url : ''
  } catch {
    return ''
  }
}
