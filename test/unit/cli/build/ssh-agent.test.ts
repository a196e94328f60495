/** Keys and agents of builds, with the real ssh-agent. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { openSshAgent } from '../../../../src/cli/ssh-agent.ts'
import { createCliHost } from '../../../../src/host/cli-host.ts'

const hasTools = ['ssh-agent', 'ssh-add', 'ssh-keygen'].every((name) => existsSync(`/usr/bin/${name}`))
const skip = hasTools ? false : 'openssh-client is not installed'
const folder = mkdtempSync(join(tmpdir(), 'mycompose-keys-'))
const host = createCliHost()
after(() => rmSync(folder, { recursive: true }))

function makeKey(name: string, passphrase: string): string {
  const path = join(folder, name)
  const { status, stderr } = spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', passphrase, '-C', name, '-f', path])
  assert.equal(status, 0, String(stderr))
  return path
}

test('a key gets an agent that has it, a socket is used as it is; both end', { skip }, async () => {
  const key = makeKey('open', '')
  let socketPath = ''
  {
    await using agent = await openSshAgent(host, key)
    socketPath = agent.socketPath
    const { stdout } = spawnSync('ssh-add', ['-l'], { env: { SSH_AUTH_SOCK: socketPath } })
    assert.match(String(stdout), /open \(ED25519\)/)
    await using same = await openSshAgent(host, socketPath)
    assert.equal(same.socketPath, socketPath)
  }
  assert.equal(existsSync(socketPath), false)
})

test('a locked key, no key and nothing are told', { skip }, async () => {
  await assert.rejects(openSshAgent(host, makeKey('locked', 'secret')), { code: 'BUILD_SSH' })
  writeFileSync(join(folder, 'text'), 'no key', { mode: 0o600 })
  await assert.rejects(openSshAgent(host, join(folder, 'text')), { code: 'BUILD_SSH' })
  await assert.rejects(openSshAgent(host, join(folder, 'absent')), { code: 'BUILD_SSH', message: /ENOENT/ })
  await assert.rejects(openSshAgent(host, folder), { code: 'BUILD_SSH', message: /neither an ssh key/ })
})
