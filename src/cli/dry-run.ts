/**
 * An engine client that reads for real and changes nothing: what --dry-run hands to the use cases that act on existing
 * containers. (`up`, `create` and `down` print their plan instead and never get so far.)
 */
import type { EngineClient } from '../api/client/client.ts'
import { UnsupportedError } from '../errors.ts'

const nothing = (): Promise<void> => Promise.resolve()
const refuse = (): never => {
  throw new UnsupportedError('this cannot be done as a dry run', { hint: 'leave out --dry-run' })
}

export function dryRunClient(engine: EngineClient): EngineClient {
  return {
    ...engine,
    containers: {
      ...engine.containers,
      create: refuse,
      start: () => Promise.resolve(true),
      stop: () => Promise.resolve(true),
      restart: nothing,
      kill: nothing,
      pause: nothing,
      unpause: nothing,
      rename: nothing,
      remove: nothing,
      putArchive: nothing,
      commit: refuse,
      attach: refuse,
      resize: nothing,
      createExec: refuse,
      startExec: refuse,
      startExecDetached: refuse,
    },
    networks: { ...engine.networks, create: refuse, remove: nothing, connect: nothing, disconnect: nothing },
    volumes: { ...engine.volumes, create: refuse, remove: nothing },
    images: { ...engine.images, remove: refuse, tag: nothing, import: refuse, load: refuse, bootstrap: refuse },
    builds: { build: refuse, prune: refuse },
    prune: { containers: refuse, networks: refuse, volumes: refuse, images: refuse },
    shutdown: nothing,
  }
}
