import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { matchGolden, runCli } from './harness.ts'

const COMMANDS =
  `up down ps logs exec run attach cp events start stop restart kill rm create scale pause unpause wait top stats port images
  volumes config ls doctor version engine image volume network build builder pull push login logout`.split(/\s+/)
const SUBCOMMANDS = [
  'engine start',
  'engine stop',
  'engine status',
  'engine install',
  'engine uninstall',
  'image ls',
  'image pull',
  'image push',
  'image import',
  'image bootstrap',
  'image rm',
  'image inspect',
  'image tag',
  'volume ls',
  'volume rm',
  'volume inspect',
  'network ls',
  'network inspect',
  'builder prune',
  'builder du',
]

describe('help', () => {
  test('the program', async (t) => {
    const { exitCode, stdout, stderr } = await runCli(['--help'])
    assert.equal(exitCode, 0)
    assert.equal(stderr, '')
    matchGolden(t, 'help.txt', stdout)
  })

  for (const command of [...COMMANDS, ...SUBCOMMANDS])
    test(command, async (t) => {
      const { exitCode, stdout, stderr } = await runCli([...command.split(' '), '-h'])
      assert.equal(exitCode, 0)
      assert.equal(stderr, '')
      assert.match(stdout, /^Examples:\n {2}\$ mycompose /m)
      matchGolden(t, `help-${command.replace(' ', '-')}.txt`, stdout)
    })

  test('names every command in the list of the program', async () => {
    const { stdout } = await runCli([])
    for (const command of COMMANDS) assert.match(stdout, new RegExp(`^  ${command} `, 'm'))
  })

  test('help COMMAND is COMMAND -h', async () => {
    const [long, short] = [await runCli(['help', 'engine', 'stop']), await runCli(['engine', 'stop', '-h'])]
    assert.equal(long.exitCode, 0)
    assert.equal(long.stdout, short.stdout)
  })
})
