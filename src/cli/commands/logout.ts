/** `logout`: forgets a login, in docker's config.json or the key ring that it names. */
import type { Command } from 'commander'
import { removeLogin } from '../credentials/logins.ts'
import { addExamples } from '../help.ts'
import type { Invoke } from '../program.ts'
import { refuseDryRun, type Session } from '../session.ts'
import { registryOf } from './login.ts'

export function define(command: Command, invoke: Invoke): void {
  command
    .description('Forgets the login for a registry.')
    .argument('[SERVER]', 'registry (default: Docker Hub)')
    .action((server: string | undefined) => invoke((session) => logout(session, registryOf(server))))
  addExamples(command, [
    ['logout', 'of Docker Hub'],
    ['logout registry.example:5000', 'of another registry'],
  ])
}

async function logout(session: Session, registry: string): Promise<void> {
  refuseDryRun(session, 'logout')
  const isGone = await removeLogin(session.io, registry)
  await session.print(isGone ? `Removing login credentials for ${registry}\n` : `Not logged in to ${registry}\n`)
}
