/**
 * One example of every code that a load can tell (src/compose/problem-codes.ts), as a user sees it: place, line, caret,
 * way, hint. Complete in both directions. After a change of words:
 * node --test --test-update-snapshots test/golden/compose/codes.test.ts
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigErrors, InvalidTextError, MycomposeError, type ConfigProblem } from '../../../src/errors.ts'
import { formatProblems } from '../../../src/compose/format-problems.ts'
import { PROBLEM_CODES, type ProblemCode } from '../../../src/compose/problem-codes.ts'
import { loadProject, type LoadRequest } from '../../../src/compose/load.ts'
import { memoryReader, webFile, type Files } from '../../unit/compose/support.ts'

interface Example {
  readonly files: Files | string
  readonly request?: Partial<LoadRequest>
  /** What the reader does instead of reading one of them. */
  readonly fault?: { readonly path: string; readonly error: Error }
  /** It concerns no place in a file. */
  readonly isWithoutPlace?: true
}

const web = (attributes: string, rest = ''): Example => ({ files: webFile(attributes, rest) })
const CAFE = 'services:\n  web:\n    image: caf\uFFFD\n'
const included = (part: string): Example => ({
  files: { 'compose.yaml': 'include:\n  - part/compose.yaml\n', 'part/compose.yaml': part },
})
const BOMB = ['a: &a [1, 2, 3, 4, 5, 6, 7, 8, 9]', ...'bcdefgh'.split('').map((name, index) => {
  const before = 'abcdefg'[index] ?? ''
  return `${name}: &${name} [${Array.from({ length: 9 }, () => `*${before}`).join(', ')}]`
})].map((line) => `  ${line}\n`).join('')

const EXAMPLES: Readonly<Record<ProblemCode, Example>> = {
  BUILD: web('build:\n  context: .\n  dockerfile: Dockerfile\n  dockerfile_inline: FROM scratch'),
  BUILD_CONTEXT: web('build:\n  context: .\n  additional_contexts:\n    data: service:db', '  db:\n    image: postgres\n'),
  COMMAND_CUT: web('command: echo a && echo b'),
  CONFLICTING_VALUES: web('mem_limit: 1g\ndeploy:\n  resources:\n    limits:\n      memory: 2g'),
  CONTAINER_NAME: web('container_name: shop\nscale: 2'),
  DEPENDENCY_CYCLE: web('depends_on: [db]', '  db:\n    image: postgres\n    depends_on:\n      web:\n        condition: service_started\n'),
  DEVICE_REQUEST: web('gpus:\n  - count: 1\n    device_ids: ["0"]'),
  DISABLED_DEPENDENCY: web('depends_on: [mail]', '  mail:\n    image: mailhog\n    profiles: [dev]\n'),
  DOTENV_SYNTAX: { files: { 'compose.yaml': webFile('env_file: web.env'), 'web.env': 'GOOD=1\nBAD KEY=2\n' } },
  DUPLICATE_KEY: web('ports: ["80:80"]\nports: ["81:80"]'),
  DUPLICATE_MOUNT: web('volumes: ["data:/data"]\ntmpfs: /data', 'volumes:\n  data:\n'),
  EMPTY_FILE: { files: { 'compose.yaml': 'include:\n  - part.yaml\n', 'part.yaml': '# nothing\n' } },
  EXTENDS_CYCLE: { files: 'services:\n  a:\n    image: x\n    extends: b\n  b:\n    image: x\n    extends:\n      service: a\n' },
  EXTENDS_UNKNOWN: web('extends:\n  service: bsae', '  base:\n    image: x\n'),
  EXTERNAL: web('volumes: ["data:/data"]', 'volumes:\n  data:\n    external: true\n    driver: local\n'),
  FILE_NOT_FOUND: web('env_file:\n  - missing.env'),
  FILE_SOURCE: web('secrets: [password]', 'secrets:\n  password:\n    file: ./password\n    environment: PASSWORD\n'),
  FILE_TOO_LARGE: { files: { 'compose.yaml': 'include:\n  - part.yaml\n', 'part.yaml': `# ${'x'.repeat(16 * 2 ** 20)}` } },
  FILE_UNREADABLE: {
    files: { 'compose.yaml': 'include:\n  - part.yaml\n', 'part.yaml': '' },
    fault: { path: '/project/part.yaml', error: new Error('EACCES: permission denied') },
  },
  HEALTHCHECK: web('healthcheck:\n  test: exit 0\n  start_interval: 1s'),
  INCLUDE_CYCLE: included('include:\n  - ../compose.yaml\n'),
  INTERPOLATION_INVALID: web('hostname: "${HOST"'),
  INVALID_UTF8: {
    files: { 'compose.yaml': '' },
    fault: { path: '/project/compose.yaml', error: new InvalidTextError('compose.yaml', CAFE, CAFE.indexOf('\uFFFD')) },
  },
  INVALID_VALUE: web('ports:\n  - "80:99999"'),
  MORE_PROBLEMS: { ...web(`cap_add: [${'{}, '.repeat(1100)}]`), isWithoutPlace: true },
  NAMESPACE_MODE: web('pid: hots'),
  NETWORK_MODE: web('network_mode: brigde'),
  NON_STRING_KEY: web('labels:\n  8080: http'),
  NO_COMPOSE_FILE: { files: {}, isWithoutPlace: true },
  NO_EFFECT: web('network_mode: host\nports: ["80:80"]'),
  NO_IMAGE: { files: 'services:\n  web:\n    ports: ["80:80"]\n' },
  NO_SERVICES: { files: 'volumes:\n  data:\n' },
  NO_SUCH_SERVICE: { files: webFile('init: true'), request: { services: ['wbe'] }, isWithoutPlace: true },
  OBSOLETE: { files: `version: "3.8"\n${webFile('init: true')}` },
  OLD_BOOLEAN: web('privileged: yes'),
  PORT_CLASH: web('ports: ["8080:80"]', '  api:\n    image: api\n    ports:\n      - "127.0.0.1:8080:3000"\n'),
  PROJECT_NAME: { files: `name: "***"\n${webFile('init: true')}` },
  REMOTE_FILE: { files: 'include:\n  - oci://registry.example.com/stack:1\nservices:\n  web:\n    image: x\n' },
  SCHEMA_NAME: { files: 'services:\n  web server:\n    image: x\n' },
  SCHEMA_REQUIRED: web('ports:\n  - published: "80"'),
  SCHEMA_TYPE: web('ports: "80:80"'),
  SCHEMA_VALUE: web('depends_on:\n  db:\n    condition: service_healty', '  db:\n    image: postgres\n'),
  SEVERAL_FILES: { files: { 'compose.yaml': webFile('init: true'), 'docker-compose.yml': webFile('init: true') }, isWithoutPlace: true },
  UNDEFINED_CONFIG: web('configs: [nginx]', 'configs:\n  ngnix:\n    file: ./nginx.conf\n'),
  UNDEFINED_MODEL: web('models: [lama]', 'models:\n  llama:\n    model: ai/llama\n'),
  UNDEFINED_NETWORK: { files: { 'compose.yaml': 'include:\n  - part/compose.yaml\n', 'part/compose.yaml': webFile('networks:\n  frnot:', 'networks:\n  front:\n') } },
  UNDEFINED_SECRET: web('secrets:\n  - source: pasword', 'secrets:\n  password:\n    file: ./password\n'),
  UNDEFINED_SERVICE: {
    files: { 'compose.yaml': 'services:\n  web:\n    extends:\n      file: base.yaml\n      service: app\n', 'base.yaml': 'services:\n  app:\n    image: x\n    depends_on: [databse]\n' },
  },
  UNDEFINED_VOLUME: web('volumes: ["dta:/data"]', 'volumes:\n  data:\n'),
  UNKNOWN_KEY: included('services:\n  db:\n    image: postgres\n    enviroment:\n      A: b\n'),
  UNSUPPORTED: included('services:\n  db:\n    image: postgres\n    storage_opt:\n      size: 1G\n'),
  VARIABLE_REQUIRED: { files: { 'compose.yaml': 'services:\n  web:\n    extends: { file: base.yaml, service: app }\n', 'base.yaml': 'services:\n  app:\n    image: app:${TAG:?set it to a version}\n' } },
  VARIABLE_UNSET: { files: 'services:\n  web:\n    image: app:${TAG}\n    hostname: h${TAG}\n' },
  WATCH: web('develop:\n  watch:\n    - path: ./src\n      action: sync'),
  YAML_ALIAS: { files: `x-bomb:\n${BOMB}services: {}\n` },
  YAML_MERGE: web('<<: common'),
  YAML_SYNTAX: included('services:\n  db:\n\timage: postgres\n'),
  YAML_TAG: web('hostname: !secret name'),
}

async function told(example: Example): Promise<readonly ConfigProblem[]> {
  const { files, request, fault } = example
  const reader = memoryReader(typeof files === 'string' ? { 'compose.yaml': files } : files)
  const faulty = {
    ...reader,
    readText: (path: string) => (path === fault?.path ? Promise.reject(fault.error) : reader.readText(path)),
  }
  try {
    const { warnings } = await loadProject(
      { profiles: [], environment: {}, workingDir: '/project', homeDir: '/home/me', ...request },
      faulty,
    )
    return warnings
  } catch (error) {
    if (error instanceof ConfigErrors) return error.problems
    if (error instanceof MycomposeError) return [error]
    throw error
  }
}

const printed: string[] = []
for (const [code, meaning] of Object.entries(PROBLEM_CODES)) {
  test(`an example of ${code}`, async () => {
    const example = EXAMPLES[code as ProblemCode]
    const problems = (await told(example)).filter((problem) => problem.code === code)
    assert.notEqual(problems.length, 0, 'the example does not show it')
    for (const { location, sourceLine, hint } of problems) {
      if (example.isWithoutPlace !== true) assert.ok(location !== undefined && sourceLine !== undefined, 'no place')
      // what it says is all that can be said
      if (code !== 'UNSUPPORTED') assert.notEqual(hint, undefined, 'no word of what to do')
    }
    printed.push(`# ${code}: ${meaning}\n\n${formatProblems(problems)}`)
  })
}

test('the examples as they are printed', (t) => {
  t.assert.fileSnapshot(printed.join('\n'), new URL('codes.txt', import.meta.url).pathname, {
    serializers: [(text: string) => text],
  })
})
