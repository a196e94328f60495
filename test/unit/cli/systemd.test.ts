/** The unit that `engine install` writes, and which of two versions is older. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { compareVersions } from '../../../src/cli/handover.ts'
import { isFailed, parseUnitState, unitText } from '../../../src/cli/systemd.ts'
import { unitName, unitPath } from '../../../src/cli/unit-name.ts'
import { engineConfig } from '../../../src/engine/config.ts'
import { matchGolden } from './harness.ts'

describe('unit', () => {
  test('of the usual root', (t) => {
    const config = engineConfig('/var/lib/mycompose', 'x')
    assert.equal(unitPath(config), '/etc/systemd/system/mycompose.service')
    const options = {
      nodePath: '/usr/bin/node',
      engineEntry: '/usr/lib/mycompose/engine.js',
      environment: { TZ: 'UTC' },
    }
    matchGolden(t, 'unit.service', unitText(config, options))
  })

  test('of another root: a name of its own, and nothing in it is syntax to systemd', () => {
    const config = engineConfig('/srv/my "data" 100%', 'x')
    assert.match(unitName(config), /^mycompose-[0-9a-f]{6}\.service$/)
    const options = { nodePath: '/opt/$HOME/node', engineEntry: '/e.js', environment: { A: 'b c' } }
    const text = unitText(config, options)
    assert.match(text, /^ExecStart="\/opt\/\$\$HOME\/node" .* --root "\/srv\/my \\"data\\" 100%%"$/m)
    assert.match(text, /^Environment="A=b c"$/m)
  })
})

describe('a unit that was just started', () => {
  const before = parseUnitState('NRestarts=3\nActiveState=activating\n')
  const cases = [
    ['ActiveState=active\nNRestarts=3\n', false],
    ['NRestarts=3\nActiveState=activating\n', false],
    ['NRestarts=4\nActiveState=active\n', false], // killed a moment ago, and back
    ['NRestarts=0\nActiveState=inactive\n', true], // RestartPreventExitStatus
    ['NRestarts=5\nActiveState=activating\n', true],
    ['NRestarts=8\nActiveState=failed\n', true],
  ] as const
  for (const [properties, want] of cases)
    test(`${JSON.stringify(properties)}: ${want ? 'failed' : 'alive'}`, () =>
      assert.equal(isFailed(before, parseUnitState(properties)), want))
})

describe('versions', () => {
  const cases = [
    ['0.1.0', '0.1.0', 0],
    ['0.1.0', '0.2.0', -1],
    ['0.10.0', '0.9.0', 1],
    ['1.0.0', '0.99.99', 1],
    ['1.0.0-rc.1', '1.0.0', -1],
    ['1.0.0-rc.2', '1.0.0-rc.10', -1],
    ['', '0.0.1', -1],
  ] as const
  for (const [left, right, want] of cases)
    test(`${left} and ${right}`, () => assert.equal(Math.sign(compareVersions(left, right)), want))
})
