/**
 * kill -9 at every point: `node test/fault/points.ts [--scenario start] [--step 1] [--first 1] [--root DIR]`. One line a
 * scenario; exit code 1 with the points after which a promise was broken (points-campaign.ts).
 */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { openPoints } from './points-campaign.ts'
import { SCENARIOS } from './scenarios.ts'

const { values } = parseArgs({
  options: {
    scenario: { type: 'string' },
    step: { type: 'string', default: '1' },
    first: { type: 'string', default: '1' },
    root: { type: 'string' },
  },
})
const say = (text: string): void => void process.stdout.write(`${text}\n`)

function* everyStep(count: number): Generator<number> {
  for (let fatal = Number(values.first); fatal <= count; fatal += Number(values.step)) yield fatal
}

await using campaign = await openPoints(values.root ?? mkdtempSync(join(tmpdir(), 'mycompose-points-')))
for (const scenario of SCENARIOS) {
  if (values.scenario !== undefined && values.scenario !== scenario.name) continue
  const { count, broken } = await campaign.run(scenario, everyStep)
  for (const text of broken) say(`BROKEN ${text}`)
  say(`${scenario.name}: ${count} points, ${broken.length} broken`)
  if (broken.length > 0) process.exitCode = 1
}
