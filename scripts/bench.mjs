/** `npm run bench`: set-up, then bench/main.ts with the arguments. Plain JavaScript for Node >= 20. */
import { spawnSync } from 'node:child_process'
import { environmentWith } from './setup-dependencies.mjs'
import { runScript, SetupError } from './setup-report.mjs'
import { TEST_PACKAGES } from './setup-packages.mjs'
import { REPOSITORY, setUp } from './setup.mjs'

await runScript(async () => {
  if (process.getuid?.() !== 0) throw new SetupError('containers need root here', 'run: sudo npm run bench')
  const node = setUp({ packages: TEST_PACKAGES })
  const args = ['bench/main.ts', ...process.argv.slice(2)]
  const result = spawnSync(node, args, { cwd: REPOSITORY, stdio: 'inherit', env: environmentWith(node) })
  return result.status ?? 1
})
