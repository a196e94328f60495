/** The engine that dies at a point: `node point-victim.ts ROOT SCENARIO FATAL`. Prints the points it passed when it does not. */
import { engineConfig } from '../../src/engine/config.ts'
import { openEngine } from '../../src/engine/engine.ts'
import { createNodeHost } from '../../src/host/node-host.ts'
import { createCrashPoints } from './crash-points.ts'
import { SCENARIOS } from './scenarios.ts'

const [root = '', name, fatal] = process.argv.slice(2)
const scenario = SCENARIOS.find((each) => each.name === name)
if (scenario === undefined) throw new Error(`no scenario ${name}`)
const keepAlive = setInterval(() => {}, 1000)
const points = createCrashPoints(createNodeHost())
if (scenario.act === undefined) points.arm(Number(fatal))
const engine = await openEngine(engineConfig(root, 'points'), points.host)
if (scenario.act !== undefined) {
  points.arm(Number(fatal))
  await scenario.act(engine.context)
}
process.stdout.write(JSON.stringify(points.passed))
points.arm(0)
await engine.close()
clearInterval(keepAlive)
